// Invitations, and sign-in through Google, Facebook and GitHub, in a real browser: from a link or an application's button to the end.

import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { Guichet, password } from '../peers/support/guichet.mjs'
import { Simulation } from '../peers/support/simulation.mjs'
import { launch, windowed } from './browser.mjs'
import { RelyingParty } from './relying-party.mjs'

const PROVIDERS = [['google', 'gmail'], ['facebook', 'complete'], ['github', 'complete']]

let simulations = {}, guichet, party, browser
const { browsing, open } = windowed(() => browser)

before(async () => {
  const env = {}
  for (const [name] of PROVIDERS) {
    const simulation = await Simulation.start(name)
    simulations[name] = simulation
    const upstream = {
      ISSUER: simulation.issuer, CLIENT_ID: simulation.client_id, CLIENT_SECRET: simulation.client_secret, ALLOW_PRIVATE_ADDRESSES: 'true',
      ...(simulation.discovery_url ? { DISCOVERY_URL: simulation.discovery_url } : { WEB_URL: simulation.url, API_URL: simulation.url }),
    }
    for (const [key, value] of Object.entries(upstream)) env[`GUICHET_UPSTREAMS__${name.toUpperCase()}__${key}`] = value
  }
  party = await RelyingParty.listen()
  guichet = await Guichet.start({ name: 'invitations', env })
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
  for (const simulation of Object.values(simulations)) await simulation.stop()
})

const choose = (window, person) => window.page.locator(`button[name=person][value="${person}"]`).click()

for (const [name, person] of PROVIDERS) {
  browsing(`${name}: somebody who is new, then known, and somebody who cancels`, async () => {
    const subjects = []
    for (const visit of ['new', 'known']) {
      const window = await open({ name: `${name}-${visit}` })
      await window.go(`${party.origin}/`)
      await window.page.locator('a[href="/sign-in"]').click()
      await window.at('sign-in')
      await window.page.locator(`a[data-upstream="${name}"]`).click()
      await window.at('simulation-choice')
      await choose(window, person)
      await window.at('application-signed-in')
      const claims = [...party.visitors.values()].map((visitor) => visitor.tokens?.claims()).filter(Boolean).at(-1)
      assert.deepEqual(claims.amr, ['fed'])
      subjects.push(claims.sub)
    }
    assert.equal(subjects[0], subjects[1])
    const window = await open({ name: `${name}-cancelled` })
    await window.go(`${guichet.issuer}/sign-in/${name}`)
    await window.at('simulation-choice')
    await window.page.locator('#cancel').click()
    await window.page.locator('[data-error=upstream_cancelled]').waitFor()
  })
}

browsing('a provider that is down is a page', async () => {
  await simulations.github.fail('token:500')
  try {
    const window = await open({ name: 'github-down' })
    await window.go(`${guichet.issuer}/sign-in/github`)
    await window.at('simulation-choice')
    await choose(window, 'complete')
    await window.page.locator('[data-error=upstream_down]').waitFor()
  } finally {
    await simulations.github.fail()
  }
})

browsing('an application of another interface gets its token in the same browser', async () => {
  const window = await open({ name: 'medreport' })
  await window.go(`${guichet.issuer}/api/auth/google`)
  await window.at('simulation-choice')
  const [answer] = await Promise.all([
    window.page.waitForResponse((response) => response.url().includes('/api/auth/google/callback')),
    choose(window, 'gmail'),
  ])
  assert.equal(answer.status(), 200)
  const body = await answer.json()
  assert.deepEqual(Object.keys(body).sort(), ['message', 'success', 'token', 'user'])
  assert.equal(typeof body.user.id, 'number')
})

for (const language of ['fr', 'en']) {
  browsing(`an invitation is accepted with a new account (${language})`, async () => {
    const tenant = await guichet.tenant('Clinique des Lilas', 'clinic')
    const email = `new-${language}@example.org`
    const made = await guichet.cli(['invitation', 'create', '--tenant', tenant.code, '--email', email, '--role', 'doctor', '--role', 'admin'])
    assert.equal(made.status, 'pending')
    const window = await open({ name: `invitation-${language}`, language })
    await window.go(made.link)
    await window.at('invitation')
    await window.inspect('page')
    const secret = password()
    await window.page.locator('#first-name').fill('Camille')
    await window.page.locator('#last-name').fill('Durand')
    await window.page.locator('#new-password').fill('short')
    await window.page.locator('#repeat-password').fill('short')
    await window.page.locator('#submit').click()
    await window.page.locator('#new-password-error').waitFor()
    await window.inspect('wrong')
    await window.page.locator('#new-password').fill(secret)
    await window.page.locator('#repeat-password').fill(secret)
    await window.page.locator('#submit').click()
    await window.at('account')
    assert.match(await window.page.locator('body').innerText(), /Clinique des Lilas/)
    await window.go(made.link)
    await window.page.locator('[data-error=invitation_over]').waitFor()
    await window.inspect('over')
    const { invitations } = await guichet.cli(['invitation', 'list', '--tenant', tenant.code])
    assert.deepEqual(invitations.map((one) => one.status), ['accepted'])
  })
}

browsing('an invitation is accepted by whoever has an account, without JavaScript', async () => {
  const tenant = await guichet.tenant('Laboratoire Rive Gauche', 'laboratory')
  const [user, other] = [await guichet.user('has.account@example.org'), await guichet.user('somebody.else@example.org')]
  const made = await guichet.cli(['invitation', 'create', '--tenant', tenant.code, '--email', user.email, '--role', 'biologist'])
  const window = await open({ name: 'invitation-known', javaScript: false })
  await window.go(made.link)
  await window.at('invitation')
  await window.page.locator('#sign-in').click()
  await window.signIn(other)
  await window.page.locator('[data-error=invitation_other_person]').waitFor()
  await window.go(made.link)
  await window.at('invitation')
  await window.picture('known')
  await window.page.locator('#sign-in').click()
  await window.signIn(user)
  await window.at('account')
})
