// A refresh token lives as long as everything it came of: its family, its session, its person, their membership, their consent.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as oidc from 'openid-client'

import { Application, oauthError, REGISTRATION } from './support/application.mjs'
import { Guichet, password } from './support/guichet.mjs'
import { Person } from './support/person.mjs'

const GRACE = 2_000

let guichet, tenant, application, thirdParty, people = 0

before(async () => {
  guichet = await Guichet.start({ name: 'refresh', env: { GUICHET_TOKENS__REFRESH_GRACE: `${GRACE / 1_000}s` } })
  tenant = await guichet.tenant('Pharmacie du Marché', 'pharmacy')
  const discover = async (name, more) => {
    const client = await guichet.client(name, { ...REGISTRATION, 'auth-method': 'client_secret_basic', ...more })
    const found = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret))
    return Object.assign(found, { clientId: client.client_id })
  }
  application = await discover('Dossier', { 'first-party': true })
  thirdParty = await discover('Tiers')
})
after(() => guichet?.stop())

/** Someone new, at a browser. */
async function someone() {
  const user = await guichet.user(`person-${people += 1}@example.org`)
  await guichet.grant(user.email, tenant.code, 'adjoint')
  return new Person({ ...user })
}

/** The same person at another browser. */
const elsewhere = (person) => new Person({ email: person.email, password: person.password })

/** The person's account page; signs in first where nobody is signed in. */
async function account(person) {
  const { page } = await person.visit(`${guichet.issuer}/account`)
  assert.equal(page.name, 'account')
  return page
}

/** Presses the button of the account page's form that has this selector; returns the page that follows. */
async function press(person, selector) {
  const page = await account(person)
  return (await person.submit(page, page.form(selector), {}, {})).page
}

/** All that came of a sign-in is dead: refresh, introspection, userinfo. */
async function dead(tokens, at = application) {
  await assert.rejects(() => at.refresh(tokens.refresh_token), (error) => oauthError(error) === 'invalid_grant')
  assert.deepEqual(await at.introspect(tokens.access_token), { active: false })
  assert.deepEqual(await at.introspect(tokens.refresh_token), { active: false })
  await assert.rejects(() => at.userinfo(tokens), (error) => oauthError(error) === 'invalid_token')
}

async function alive(tokens, at = application) {
  assert.equal((await at.introspect(tokens.access_token)).active, true)
  return at.refresh(tokens.refresh_token)
}

describe('the family of a refresh token', () => {
  test('an honest retry gets the same successor, and makes no second branch', async () => {
    const first = await application.signIn(await someone())
    const second = await application.refresh(first.refresh_token)
    const again = await application.refresh(first.refresh_token)
    assert.equal(again.refresh_token, second.refresh_token)
    const third = await application.refresh(again.refresh_token)
    assert.equal((await application.refresh(second.refresh_token)).refresh_token, third.refresh_token)
    await alive(third)
  })

  test('the grace does not begin anew at each retry; reuse after it ends the family', async () => {
    const first = await application.signIn(await someone())
    const second = await application.refresh(first.refresh_token)
    await new Promise((resolve) => setTimeout(resolve, GRACE * 0.6))
    assert.equal((await application.refresh(first.refresh_token)).refresh_token, second.refresh_token)
    await new Promise((resolve) => setTimeout(resolve, GRACE * 0.6))
    await dead({ ...second, refresh_token: first.refresh_token, claims: () => second.claims() })
    await dead(second)
  })

  test('another client can neither use nor end it', async () => {
    const tokens = await application.signIn(await someone())
    await assert.rejects(() => thirdParty.refresh(tokens.refresh_token), (error) => oauthError(error) === 'invalid_grant')
    await thirdParty.revoke(tokens.refresh_token)
    await thirdParty.revoke(tokens.access_token)
    await alive(tokens)
  })
})

describe('refreshing ends', () => {
  test('with its session, ended from another device; the others live on', async () => {
    const person = await someone()
    const tokens = await application.signIn(person)
    const there = elsewhere(person)
    const others = await application.signIn(there)
    const sid = sidOf(tokens)
    const page = await press(there, `[name=sid][value="${sid}"]`)
    assert.equal(page.name, 'account')
    assert.ok(!page.text.includes(sid), 'the session is gone from the list')
    await dead(tokens)
    await alive(others)
    assert.deepEqual(await seen(person), ['sign-in'])
  })

  test('with all other sessions', async () => {
    const person = await someone()
    const tokens = await application.signIn(person)
    const there = elsewhere(person)
    const others = await application.signIn(there)
    await press(there, '#end-others')
    await dead(tokens)
    await alive(others)
  })

  test('with all sessions, this one too', async () => {
    const person = await someone()
    const tokens = await application.signIn(person)
    const there = elsewhere(person)
    const others = await application.signIn(there)
    const page = await press(there, '#end-all')
    assert.equal(page.name, 'signed-out')
    await dead(tokens)
    await dead(others)
    assert.deepEqual(await seen(person), ['sign-in'])
    assert.deepEqual(await seen(there), ['sign-in'])
  })

  test('with a sign-out on the account page', async () => {
    const person = await someone()
    const tokens = await application.signIn(person)
    await press(person, '#sign-out')
    await dead(tokens)
  })

  test('with a changed password, in this session too', async () => {
    const person = await someone()
    const here = await application.signIn(person)
    const there = elsewhere(person)
    const tokens = await application.signIn(there)
    const { page } = await there.load(new URL(`${guichet.issuer}/account/password`))
    const next = password()
    const after = await there.submit(page, page.form('input[name=new_password]'),
      { current_password: person.password, new_password: next, repeat_password: next }, {})
    assert.equal(after.page.name, 'account')
    await dead(here)
    await dead(tokens)
    person.password = next
    assert.deepEqual(await seen(person), ['sign-in'], 'the other browser is signed out')
  })

  test('with a password that an operator set', async () => {
    const person = await someone()
    const tokens = await application.signIn(person)
    await guichet.cli(['user', 'set-password', '--user', person.email, '--password-stdin'], { stdin: `${password()}\n` })
    await dead(tokens)
  })

  test('with the membership; not with another one', async () => {
    const person = await someone()
    const other = await guichet.tenant('Clinique des Lilas', 'clinic')
    await guichet.grant(person.email, other.code, 'nurse')
    const here = await application.signIn(person, { tenant: tenant.code })
    const there = await application.signIn(person, { tenant: other.code })
    await guichet.cli(['user', 'revoke', '--user', person.email, '--tenant', tenant.code])
    await dead(here)
    await alive(there)
  })

  test('with the account', async () => {
    const person = await someone()
    const tokens = await application.signIn(person)
    await guichet.cli(['user', 'disable', '--user', person.email])
    await dead(tokens)
    await guichet.cli(['user', 'enable', '--user', person.email])
    await dead(tokens)
  })

  test('with the consent, which is asked for again', async () => {
    const person = await someone()
    const tokens = await thirdParty.signIn(person)
    const own = await application.signIn(person)
    const page = await press(person, `[name=client_id][value="${thirdParty.clientId}"]`)
    assert.equal(page.name, 'account')
    await dead(tokens, thirdParty)
    await alive(own)
    await thirdParty.signIn(person)
    assert.deepEqual(person.seen, ['consent'])
  })

  test('with the client', async () => {
    const client = await guichet.client('Éphémère', { ...REGISTRATION, 'auth-method': 'none', 'first-party': true })
    const gone = await Application.discover(guichet.issuer, client.client_id)
    const tokens = await gone.signIn(await someone())
    await guichet.cli(['client', 'disable', '--client', client.client_id])
    // The server may know its clients for a few seconds.
    await eventually(async () => assert.rejects(() => gone.refresh(tokens.refresh_token), (error) => oauthError(error) === 'invalid_client'))
    assert.deepEqual(await application.introspect(tokens.access_token), { active: false })
  })
})

describe('consent', () => {
  test('covers what was allowed, and is asked for what is new', async () => {
    const person = await someone()
    await thirdParty.signIn(person, { scope: 'openid email' })
    assert.deepEqual(person.seen, ['sign-in', 'consent'])
    await thirdParty.signIn(person, { scope: 'openid' })
    assert.deepEqual(person.seen, [])
    await thirdParty.signIn(person, { scope: 'openid profile' })
    assert.deepEqual(person.seen, ['consent'])
    await thirdParty.signIn(person, { scope: 'openid email profile' })
    assert.deepEqual(person.seen, [])
  })
})

/** The session that the tokens came of. */
const sidOf = (tokens) => tokens.claims().sid

/** The pages that a person sees on the way to the application. */
async function seen(person) {
  await application.signIn(person)
  return person.seen
}

async function eventually(check, deadline = Date.now() + 10_000) {
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}
