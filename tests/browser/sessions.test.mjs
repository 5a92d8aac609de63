// What a browser does between windows and frames: session management, front-channel logout, a sign-in in its own window.

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

for (const javaScript of [true, false]) {
  test(`logout tells the applications through frames, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
    const other = await guichet.client('Planning', {
      'redirect-uri': party.redirectUri, 'post-logout-redirect-uri': party.signedOutUri, 'auth-method': 'client_secret_basic',
      'frontchannel-logout-uri': `${party.origin}/out?keep=1`, 'frontchannel-logout-session-required': 'true',
    })
    await party.configure(guichet.issuer, other)
    const window = await Window.open(browser, { name: 'front-channel', javaScript })
    try {
      await window.go(`${party.origin}/sign-in`)
      await window.signIn(world.both)
      await window.chooseTenant(world.clinic.code)
      await window.decide('allow')
      await window.at('application-signed-in')
      party.signedOut = []
      await window.page.locator('a[href="/sign-out"]').click()
      if (!javaScript) {
        await window.at('signed-out')
        await window.page.locator('#return').click()
      }
      await window.at('application-signed-out')
      assert.equal(party.signedOut.length, 1)
      const query = new URLSearchParams(party.signedOut[0])
      assert.deepEqual([...query.keys()], ['keep', 'iss', 'sid'])
      assert.equal(query.get('iss'), guichet.issuer)
      assert.deepEqual(window.findings, [])
    } finally {
      await window.close()
    }
  })
}

test('a sign-in in a window of its own finds the way back to the one that opened it', async () => {
  await party.configure(guichet.issuer, await guichet.client('Carnet', {
    'redirect-uri': party.redirectUri, 'auth-method': 'client_secret_basic',
  }))
  const window = await Window.open(browser, { name: 'popup', language: 'en' })
  try {
    await window.go(`${party.origin}/window`)
    const opening = window.page.waitForEvent('popup')
    await window.page.locator('button').click()
    const popup = window.over(await opening)
    await popup.at('sign-in')
    await popup.inspect('sign-in')
    await popup.signIn(world.both)
    await popup.chooseTenant(world.clinic.code)
    await popup.decide('allow')
    await window.page.locator('#state:not(:empty)').waitFor()
    assert.equal(await window.page.locator('#state').innerText(), 'signed in')
    assert.deepEqual([...window.findings, ...popup.findings], [])
  } finally {
    await window.close()
  }
})
