// Guichet as a relying party: people sign in at an OpenID provider that nobody here wrote (oidc-provider), through the
// generic connector. Discovery, PKCE, userinfo plain and signed, logout both ways, new and returning people.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { Application, REDIRECT_URI, REGISTRATION, SIGNED_OUT_URI } from './support/application.mjs'
import { freePort, Guichet } from './support/guichet.mjs'
import { Person } from './support/person.mjs'
import { OpenIdProvider } from './support/provider.mjs'

const SECRET = 'a secret between two tests, long enough'

describe('an OpenID provider upstream', () => {
  let op, guichet, application
  before(async () => {
    // Each needs the other's address before it starts.
    const port = await freePort()
    const issuer = `http://127.0.0.1:${port}`
    const client = (name, more = {}) => ({
      client_id: name,
      client_secret: SECRET,
      redirect_uris: [`${issuer}/federation/${name}/callback`],
      post_logout_redirect_uris: [`${issuer}/federation/${name}/logout`],
      backchannel_logout_uri: `${issuer}/federation/${name}/backchannel-logout`,
      backchannel_logout_session_required: true,
      response_types: ['code'],
      grant_types: ['authorization_code'],
      ...more,
    })
    op = await OpenIdProvider.start([
      client('plain'),
      client('signed', { userinfo_signed_response_alg: 'RS256', token_endpoint_auth_method: 'client_secret_post' }),
    ])
    const upstream = (name, more = {}) => Object.fromEntries(Object.entries({
      ISSUER: op.issuer, CLIENT_ID: name, CLIENT_SECRET: SECRET, ALLOW_PRIVATE_ADDRESSES: 'true', TRUST_EMAIL: 'true', ...more,
    }).map(([key, value]) => [`GUICHET_UPSTREAMS__${name.toUpperCase()}__${key}`, value]))
    guichet = await Guichet.prepare({
      name: 'upstream',
      env: {
        GUICHET_ISSUER: issuer,
        GUICHET_LISTEN: `127.0.0.1:${port}`,
        ...upstream('plain'),
        ...upstream('signed', { CLIENT_AUTH_METHOD: 'client_secret_post' }),
      },
    })
    guichet.issuer = issuer
    await guichet.serve()
    const made = await guichet.client('Agenda', { ...REGISTRATION, 'auth-method': 'none', 'first-party': true })
    application = await Application.discover(issuer, made.client_id)
  })
  after(async () => { await guichet?.stop(); await op?.stop() })

  const signIn = (person, name, parameters = {}) =>
    application.signIn(person, { scope: 'openid profile email', idp_hint: name, ...parameters })

  test('it is found by its issuer alone', async () => {
    const found = await guichet.cli(['upstream', 'test', 'plain'])
    assert.equal(found.upstream, 'plain')
    assert.match(JSON.stringify(found), new RegExp(op.issuer))
  })

  for (const name of ['plain', 'signed']) {
    test(`a new person, and the same one again (userinfo ${name})`, async () => {
      op.person = `new-${name}`
      const first = await signIn(new Person(), name)
      const { code_challenge_method, code_challenge, state, nonce } = op.asked.at(-1)
      assert.equal(code_challenge_method, 'S256')
      assert.ok(code_challenge && state && nonce)
      const known = await application.userinfo(first)
      assert.equal(known.email, `new-${name}@peer.example`)
      assert.equal(known.email_verified, true)
      assert.equal(known.given_name, `new-${name}`)
      assert.deepEqual(first.claims().amr, ['fed'])
      // Another browser, another address and name there: the same account here.
      op.accounts[op.person] = { email: 'moved@peer.example', given_name: 'Renamed' }
      const second = await signIn(new Person(), name)
      assert.equal(second.claims().sub, first.claims().sub)
    })
  }

  test('two people are two accounts', async () => {
    const subs = new Set()
    for (const person of ['one', 'two', 'one']) {
      op.person = person
      subs.add((await signIn(new Person(), 'plain')).claims().sub)
    }
    assert.equal(subs.size, 2)
  })

  test('whoever says no there comes back to a page, and can go on', async () => {
    op.person = null
    const person = new Person()
    const { url } = await application.begin({ idp_hint: 'plain' })
    const { page } = await person.visit(url, REDIRECT_URI)
    assert.equal(page.name, 'error')
    assert.match(page.text, /data-error="upstream_cancelled"/)
    op.person = 'changed-mind'
    assert.ok((await signIn(person, 'plain')).id_token)
  })

  /** Says yes on the provider's own page, and follows. */
  async function confirm(person, at, application) {
    assert.match(at.page.text, /logout/i)
    const form = at.page.form('input[name=xsrf]')
    return person.submit(at.page, form, {}, { logout: 'yes' }, application)
  }

  test('signing out here signs out there, and leads back to the application', async () => {
    op.person = 'leaver'
    const person = new Person()
    const tokens = await signIn(person, 'plain')
    const there = await person.load(application.endSession(tokens, { state: 'bye' }), SIGNED_OUT_URI)
    assert.equal(there.page.url.origin, op.issuer)
    const back = await confirm(person, there, SIGNED_OUT_URI)
    assert.equal(back.url?.searchParams.get('state'), 'bye')
    // Neither session is left: the next sign-in asks there again, and finds somebody else.
    op.person = 'next'
    const next = await signIn(person, 'plain')
    assert.notEqual(next.claims().sub, tokens.claims().sub)
  })

  test('signing out there ends the session and its tokens here', async () => {
    op.person = 'told'
    const person = new Person()
    const tokens = await signIn(person, 'plain')
    assert.equal((await person.load(new URL(`${guichet.issuer}/account`))).page.name, 'account')
    const there = await person.load(new URL(`${op.issuer}/session/end`))
    await confirm(person, there)
    for (let looks = 0; looks < 50; looks += 1) {
      if ((await person.load(new URL(`${guichet.issuer}/account`))).page.name !== 'account') break
      await new Promise((resolve) => { setTimeout(resolve, 100) })
    }
    assert.deepEqual(op.troubles, [])
    assert.notEqual((await person.load(new URL(`${guichet.issuer}/account`))).page.name, 'account')
    await assert.rejects(application.userinfo(tokens))
  })
})
