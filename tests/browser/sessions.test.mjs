// Session management in a real browser: the frame, its script, the cookie of the browser's state.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { Guichet } from '../peers/support/guichet.mjs'
import { launch, Window } from './browser.mjs'
import { RelyingParty } from './relying-party.mjs'

let guichet, world, party, browser

before(async () => {
  party = await RelyingParty.listen()
  guichet = await Guichet.start({ name: 'browser-sessions' })
  world = await guichet.populate()
  const client = await guichet.client('Agenda', {
    'redirect-uri': party.redirectUri, 'post-logout-redirect-uri': party.signedOutUri, 'auth-method': 'client_secret_basic',
  })
  await party.configure(guichet.issuer, client)
  browser = await launch()
})
after(async () => {
  await browser?.close()
  party?.close()
  await guichet?.stop()
})

/** What the frame answers on the application's page. */
async function answer(window, query = '', origin = party.origin) {
  await window.go(`${origin}/watch${query}`)
  const state = window.page.locator('#state:not(:empty)')
  await state.waitFor()
  return state.innerText()
}

test('the frame notices who signs out and who signs in', async () => {
  const window = await Window.open(browser, { name: 'sessions' })
  try {
    const signIn = async (user) => {
      await window.go(`${party.origin}/sign-in`)
      await window.signIn(user)
      if (user === world.both) await window.chooseTenant(world.clinic.code)
      await window.decide('allow')
      await window.at('application-signed-in')
    }
    await signIn(world.both)
    assert.equal(await answer(window), 'unchanged')
    assert.equal(await answer(window), 'unchanged', 'still')
    assert.equal(await answer(window, '?message=nonsense'), 'error')
    assert.equal(await answer(window, '?message=other+x.y'), 'changed')

    // Signed out at Guichet itself, without the application.
    await window.go(`${guichet.issuer}/end-session`)
    await window.at('logout')
    await window.page.locator('button[name=decision][value=sign-out]').click()
    await window.at('signed-out')
    assert.equal(await answer(window), 'changed')

    await signIn(world.one)
    assert.equal(await answer(window), 'unchanged')
    assert.deepEqual(window.findings, [])
  } finally {
    await window.close()
  }
})

test('a frame that may not read its cookie says nothing', async () => {
  const window = await Window.open(browser, { name: 'sessions-elsewhere' })
  try {
    // Another site; and every browser is made to be one that keeps cookies from frames there.
    await window.page.addInitScript(() => { document.hasStorageAccess = async () => false })
    const elsewhere = party.origin.replace('127.0.0.1', 'localhost')
    assert.equal(await answer(window, '?message=other+x.y', elsewhere), 'error')
  } finally {
    await window.close()
  }
})
