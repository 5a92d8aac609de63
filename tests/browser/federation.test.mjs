// Professionals at the simulated Pro Santé Connect: a real browser, a relying application, a running Guichet.

import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { Guichet } from '../peers/support/guichet.mjs'
import { Simulation } from '../peers/support/simulation.mjs'
import { launch, windowed } from './browser.mjs'
import { RelyingParty } from './relying-party.mjs'

let psc, guichet, party, browser
const { browsing, open } = windowed(() => browser)

before(async () => {
  psc = await Simulation.start('pro-sante-connect')
  party = await RelyingParty.listen()
  const upstream = {
    ISSUER: psc.issuer, DISCOVERY_URL: psc.discovery_url, CLIENT_ID: psc.client_id, CLIENT_SECRET: psc.client_secret, ALLOW_PRIVATE_ADDRESSES: 'true', CIBA: 'true',
    EMAIL_DOMAINS: 'clinique.example',
  }
  const env = Object.fromEntries(Object.entries(upstream).map(([name, value]) => [`GUICHET_UPSTREAMS__PRO_SANTE_CONNECT__${name}`, value]))
  guichet = await Guichet.start({ name: 'federation', env })
  const client = await guichet.client('Dossier', {
    'redirect-uri': party.redirectUri, 'post-logout-redirect-uri': party.signedOutUri, 'auth-method': 'client_secret_basic', 'first-party': true,
  })
  await party.configure(guichet.issuer, client)
  browser = await launch()
})
after(async () => {
  await browser?.close()
  party?.close()
  await guichet?.stop()
  await psc?.stop()
})

/** From the application's button to the page where the person is chosen. */
async function toChoice(window) {
  await window.go(`${party.origin}/`)
  await window.page.locator('a[href="/sign-in"]').click()
  await window.at('sign-in')
  await window.page.locator('a[data-upstream="pro_sante_connect"]').click()
  await window.at('simulation-choice')
}

const choose = (window, person) => window.page.locator(`button[name=person][value="${person}"]`).click()

const subjectOf = () => [...party.visitors.values()].map((visitor) => visitor.tokens?.claims()).filter(Boolean).at(-1)

for (const javaScript of [true, false]) {
  browsing(`a professional who is new, then known, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
    const subjects = []
    for (const visit of ['new', 'known']) {
      const window = await open({ javaScript, name: `psc-${visit}-${javaScript ? 'js' : 'nojs'}` })
      await toChoice(window)
      if (javaScript) await window.inspect('choice')
      await choose(window, javaScript ? 'medecin' : 'pharmacien')
      // The telephone approves by itself; the page needs nobody and no script.
      await window.at('application-signed-in')
      const claims = subjectOf()
      assert.equal(claims.acr, 'eidas1')
      subjects.push(claims.sub)
    }
    assert.equal(subjects[0], subjects[1])
  })
}

browsing('a professional with two FINESS establishments chooses where they work', async () => {
  const clinic = await guichet.tenant('Clinique des Lilas', 'clinic')
  const laboratory = await guichet.tenant('Laboratoire Rive Gauche', 'laboratory')
  for (const [tenant, finess, role] of [[clinic, '990002008', 'doctor'], [laboratory, '990003006', 'biologist']]) {
    await guichet.cli(['upstream', 'map', '--tenant', tenant.code, '--finess', finess, '--profession', '10', '--role', role])
  }
  const window = await open({ name: 'psc-two' })
  await toChoice(window)
  await choose(window, 'deux-etablissements')
  await window.chooseTenant(laboratory.code)
  await window.at('application-signed-in')
  assert.equal(await window.page.locator('#tenant').innerText(), laboratory.code)
  assert.equal(await window.page.locator('#roles').innerText(), 'biologist')
  // The program of a dialect: the same choice, before its callback answers.
  const other = await open({ name: 'psc-two-carelink', javaScript: false })
  await other.go(`${guichet.issuer}/api/v1/auth/login`)
  await other.at('simulation-choice')
  await choose(other, 'deux-etablissements')
  await other.chooseTenant(clinic.code)
  await other.page.waitForURL(/\/api\/v1\/auth\/callback/)
  const { user, token_type: type } = JSON.parse(await other.page.locator('body').innerText())
  assert.deepEqual([type, user.tenant_id, user.roles], ['bearer', clinic.uuid, ['doctor']])
})

for (const javaScript of [true, false]) {
  browsing(`an address alone leads to the provider of its domain, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
    const window = await open({ javaScript, name: `psc-home-${javaScript ? 'js' : 'nojs'}` })
    await window.go(`${party.origin}/`)
    await window.page.locator('a[href="/sign-in"]').click()
    await window.at('sign-in')
    await window.page.locator('#home').waitFor()
    if (javaScript) await window.inspect('home')
    await window.page.locator('#email').fill('camille@clinique.example')
    await window.page.locator('#email').press('Enter')
    await window.at('simulation-choice')
    await choose(window, 'pharmacien')
    await window.at('application-signed-in')
  })
}

browsing('the telephone is another page, and says no', async () => {
  const window = await open({ name: 'psc-refused' })
  await toChoice(window)
  await window.page.locator('input[name=method][value=phone]').check()
  await choose(window, 'infirmiere')
  await window.at('simulation-wait')
  const phone = await open({ name: 'psc-phone' })
  await phone.go(`${psc.url}/simulation/phone`)
  await phone.at('simulation-phone')
  assert.equal((await phone.page.locator('.number').innerText()).trim(), (await window.page.locator('#number').innerText()).trim())
  await phone.inspect('phone')
  await phone.page.locator('button[value=refuse]').click()
  await phone.page.locator('#none').waitFor()
  await window.page.locator('[data-error=upstream_cancelled]').waitFor()
})

browsing('cancelling is a page that leads back to the sign-in', async () => {
  const window = await open({ name: 'psc-cancelled' })
  await toChoice(window)
  await window.page.locator('#cancel').click()
  await window.page.locator('[data-error=upstream_cancelled]').waitFor()
  await window.inspect('cancelled')
})

browsing('a provider that is down is a page', async () => {
  await psc.fail('token:500')
  try {
    const window = await open({ name: 'psc-down' })
    await toChoice(window)
    await choose(window, 'medecin')
    await window.page.locator('[data-error=upstream_down]').waitFor()
    await window.inspect('down')
  } finally {
    await psc.fail()
  }
})

browsing('signing out ends the session there as well', async () => {
  const window = await open({ name: 'psc-sign-out' })
  await toChoice(window)
  await window.page.locator('input[name=method][value=card]').check()
  await choose(window, 'deux-exercices')
  await window.at('application-signed-in')
  await window.page.locator('a[href="/sign-out"]').click()
  await window.at('application-signed-out')
  // Nobody is known there any more: the next one is asked.
  await toChoice(window)
})

for (const javaScript of [true, false]) {
  browsing(`on the telephone: a number, two digits, a page that waits, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
    const window = await open({ javaScript, name: `psc-telephone-${javaScript ? 'js' : 'nojs'}` })
    await window.go(`${party.origin}/`)
    await window.page.locator('a[href="/sign-in"]').click()
    await window.at('sign-in')
    await window.page.locator('a[data-telephone="pro_sante_connect"]').click()
    await window.at('ciba')
    if (javaScript) await window.inspect('number')
    await window.page.locator('#national-id').fill(javaScript ? '997 0012 3476' : '99700123468')
    await window.page.locator('#submit').click()
    await window.page.locator('[data-step=wait]').waitFor()
    const number = (await window.page.locator('#binding').innerText()).trim()
    assert.match(number, /^[0-9]{2}$/)
    await window.picture('wait')
    const phone = await open({ name: 'psc-telephone-phone' })
    await phone.go(`${psc.url}/simulation/phone`)
    const row = phone.page.locator('form[data-request]', { hasText: number }).first()
    assert.equal((await row.locator('.number').innerText()).trim(), number)
    await row.locator('button[value=approve]').click()
    // The page finds it by itself.
    await window.at('application-signed-in')
    assert.equal(subjectOf().acr, 'eidas1')
  })

  browsing(`signing out on our own page ends the session there as well, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
    const window = await open({ javaScript, name: `psc-own-sign-out-${javaScript ? 'js' : 'nojs'}` })
    await window.go(`${guichet.issuer}/sign-in/pro_sante_connect`)
    await window.at('simulation-choice')
    await window.page.locator('input[name=method][value=card]').check()
    await choose(window, 'etudiant')
    await window.at('account')
    await window.page.locator('form[action$="/end-session"] button').first().click()
    // Over a page of ours to the provider, and back to ours: no policy is in the way.
    await window.page.locator('main[data-page=signed-out] a:not([data-go])').waitFor()
    await window.go(`${guichet.issuer}/sign-in/pro_sante_connect`)
    await window.at('simulation-choice')
  })
}
