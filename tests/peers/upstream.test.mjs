// Guichet as a relying party: people sign in at an OpenID provider that nobody here wrote (oidc-provider), through the
// generic connector. Discovery, PKCE, userinfo plain and signed, logout both ways, new and returning people.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { Application, REDIRECT_URI, REGISTRATION, SIGNED_OUT_URI } from './support/application.mjs'
import { freePort, Guichet } from './support/guichet.mjs'
import { Person } from './support/person.mjs'
import { INITIAL_TOKEN, OpenIdProvider } from './support/provider.mjs'

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
    const table = (name, values) => Object.fromEntries(Object.entries({
      ISSUER: op.issuer, ALLOW_PRIVATE_ADDRESSES: 'true', TRUST_EMAIL: 'true', ...values,
    }).map(([key, value]) => [`GUICHET_UPSTREAMS__${name.toUpperCase()}__${key}`, value]))
    const upstream = (name, more = {}) => table(name, { CLIENT_ID: name, CLIENT_SECRET: SECRET, ...more })
    const dynamic = (name, more = {}) =>
      table(name, { REGISTRATION: 'dynamic', REGISTRATION_TOKEN: INITIAL_TOKEN, CONTACTS: 'it@peer.example', ...more })
    guichet = await Guichet.prepare({
      name: 'upstream',
      env: {
        GUICHET_ISSUER: issuer,
        GUICHET_LISTEN: `127.0.0.1:${port}`,
        ...upstream('plain'),
        ...upstream('signed', { CLIENT_AUTH_METHOD: 'client_secret_post' }),
        ...dynamic('dynamic'),
        ...dynamic('keyed', {
          CLIENT_AUTH_METHOD: 'private_key_jwt', REQUEST_OBJECT: 'by_value', USERINFO_SIGNED_RESPONSE_ALG: 'RS256',
        }),
        ...dynamic('curved', {
          CLIENT_AUTH_METHOD: 'private_key_jwt', TOKEN_ENDPOINT_AUTH_SIGNING_ALG: 'ES256',
          REQUEST_OBJECT: 'by_value', REQUEST_OBJECT_SIGNING_ALG: 'EdDSA',
        }),
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

  for (const name of ['dynamic', 'keyed', 'curved']) {
    test(`it registers us itself (${name})`, async () => {
      op.person = `registered-${name}`
      const first = await signIn(new Person(), name)
      assert.equal((await application.userinfo(first)).email, `registered-${name}@peer.example`)
      const said = op.registered.at(-1)
      assert.deepEqual(said.contacts, ['it@peer.example'])
      const asked = op.asked.at(-1)
      assert.equal(asked.client_id, said.client_id)
      if (name === 'dynamic') {
        assert.equal(said.token_endpoint_auth_method, 'client_secret_basic')
        assert.ok(asked.state && !asked.request)
      } else {
        // What the provider verified: it takes nothing unsigned of this client, and no secret.
        assert.equal(said.token_endpoint_auth_method, 'private_key_jwt')
        assert.deepEqual(Object.keys(asked).sort(), ['client_id', 'request', 'response_type', 'scope'])
        assert.equal(said.request_object_signing_alg, name === 'keyed' ? 'RS256' : 'EdDSA')
        assert.ok(!said.client_secret)
      }
      const count = op.registered.length
      assert.equal((await signIn(new Person(), name)).claims().sub, first.claims().sub)
      assert.equal(op.registered.length, count, 'registered once')
    })
  }

  test('an operator sees, renews and withdraws the registration', async () => {
    const listed = async () => {
      const { upstreams } = await guichet.cli(['upstream', 'list'])
      return upstreams.find((upstream) => upstream.name === 'dynamic')
    }
    const before = await listed()
    assert.equal(before.registration, 'dynamic')
    assert.equal(before.registered.client_id, before.client_id)
    assert.equal((await guichet.cli(['upstream', 'test', 'dynamic'])).registration, 'stands')
    // The provider gave another registration access token for that, and takes no older one.
    assert.equal((await guichet.cli(['upstream', 'test', 'dynamic'])).registration, 'stands')
    const renewed = await guichet.cli(['upstream', 'register', 'dynamic'])
    assert.notEqual(renewed.client_id, before.client_id)
    assert.ok(!('client_secret' in renewed))
    op.person = 'after-renewal'
    assert.ok((await signIn(new Person(), 'dynamic')).id_token)
    assert.equal(op.asked.at(-1).client_id, renewed.client_id)
    const gone = await guichet.cli(['upstream', 'withdraw', 'dynamic'])
    assert.deepEqual([gone.forgotten, gone.deleted_there], [2, 2])
    assert.deepEqual(op.deleted.sort(), [before.client_id, renewed.client_id].sort())
    assert.equal((await guichet.cli(['upstream', 'test', 'dynamic'])).registration, 'none yet')
    assert.ok((await signIn(new Person(), 'dynamic')).id_token)
  })

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
