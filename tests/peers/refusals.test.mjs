// Every refusal is the right code of the RFCs on the right channel, and nothing redirects to a URI that is not verified.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as oidc from 'openid-client'

import { Application, REDIRECT_URI, REGISTRATION } from './support/application.mjs'
import { Guichet } from './support/guichet.mjs'
import { Person } from './support/person.mjs'

let guichet, world, application, client, other, endpoints

before(async () => {
  guichet = await Guichet.start({ name: 'refusals' })
  world = await guichet.populate()
  const register = (name, more) => guichet.client(name, { ...REGISTRATION, 'auth-method': 'client_secret_basic', 'first-party': true, ...more })
  client = await register('Dossier')
  other = await register('Autre')
  application = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret))
  endpoints = application.config.serverMetadata()
})
after(() => guichet?.stop())

const alex = () => new Person({ ...world.one })

const basic = ({ client_id: id, client_secret: secret }) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` })

/** A request whose redirects are not followed, with its body read. */
async function ask(url, init = {}) {
  const answer = await fetch(url, { redirect: 'manual', ...init })
  const text = await answer.text()
  let json
  try { json = JSON.parse(text) } catch { /* a page */ }
  return { status: answer.status, headers: answer.headers, text, json }
}

const post = (url, form, headers = {}) => ask(url, { method: 'POST', body: new URLSearchParams(form), headers })

/** A good authorization request with `changes`: a value replaces, null removes, a list repeats. */
async function request(changes) {
  const { url } = await application.begin()
  for (const [name, value] of Object.entries(changes)) {
    url.searchParams.delete(name)
    for (const one of value === null ? [] : [value].flat()) url.searchParams.append(name, one)
  }
  return url
}

describe('the authorization endpoint', () => {
  const page = (name, changes) => test(`${name}: a page, and no redirect`, async () => {
    for (const more of [{}, { prompt: 'none' }]) {
      const answer = await ask(await request({ ...more, ...changes }))
      assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status))
      assert.equal(answer.headers.get('location'), null)
      assert.match(answer.text, /data-page="error"/)
      assert.doesNotMatch(answer.text, /http-equiv|evil\.example/)
      assert.match(answer.headers.get('cache-control') ?? '', /no-store/)
    }
  })
  page('no client', { client_id: null })
  page('an unknown client', { client_id: 'nobody' })
  page('a client named twice', { client_id: ['nobody', 'nobody'] })
  page('no redirect URI', { redirect_uri: null })
  page('a redirect URI of somebody', { redirect_uri: 'https://evil.example/' })
  page('a redirect URI with more behind it', { redirect_uri: `${REDIRECT_URI}/../evil` })
  page('a redirect URI with a query', { redirect_uri: `${REDIRECT_URI}?a=b` })
  page('a redirect URI with a fragment', { redirect_uri: `${REDIRECT_URI}#a` })
  page('a redirect URI with user information', { redirect_uri: 'http://127.0.0.1:9@evil.example/callback' })
  page('a redirect URI of a script', { redirect_uri: 'javascript:alert(1)' })
  page('two redirect URIs', { redirect_uri: [REDIRECT_URI, 'https://evil.example/'] })

  const redirect = (name, changes, code, { at = 'search' } = {}) => test(`${name}: ${code}, at the application`, async () => {
    const url = await request(changes)
    const answer = await ask(url)
    assert.ok(answer.status === 302 || answer.status === 303, `${answer.status} ${answer.text.slice(0, 300)}`)
    const back = new URL(answer.headers.get('location'))
    assert.equal(`${back.origin}${back.pathname}`, REDIRECT_URI)
    const said = at === 'hash' ? new URLSearchParams(back.hash.slice(1)) : back.searchParams
    assert.equal(said.get('error'), code)
    assert.equal(said.get('state'), url.searchParams.get('state'))
    assert.equal(said.get('iss'), guichet.issuer)
    assert.equal(said.get('code'), null)
    assert.match(said.get('error_description') ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/, 'RFC 6749 §4.1.2.1')
  })
  redirect('no response type', { response_type: null }, 'invalid_request')
  redirect('the implicit flow', { response_type: 'token' }, 'unsupported_response_type', { at: 'hash' })
  redirect('the implicit flow of OpenID, unregistered', { response_type: 'id_token token' }, 'unauthorized_client', { at: 'hash' })
  redirect('a hybrid flow, unregistered', { response_type: 'code id_token' }, 'unauthorized_client', { at: 'hash' })
  redirect('a token in the query', { response_type: 'code token', response_mode: 'query' }, 'invalid_request', { at: 'hash' })
  redirect('an unknown response mode', { response_mode: 'pigeon' }, 'invalid_request')
  redirect('no PKCE', { code_challenge: null, code_challenge_method: null }, 'invalid_request')
  redirect('PKCE that is plain', { code_challenge_method: 'plain' }, 'invalid_request')
  redirect('PKCE without a method, which means plain', { code_challenge_method: null }, 'invalid_request')
  redirect('a challenge that is too short', { code_challenge: 'abc' }, 'invalid_request')
  redirect('an unknown scope', { scope: 'openid everything' }, 'invalid_scope')
  redirect('an unknown prompt', { prompt: 'loudly' }, 'invalid_request')
  redirect('prompt none with another', { prompt: 'none login' }, 'invalid_request')
  redirect('a max_age that is no number', { max_age: 'old' }, 'invalid_request')
  redirect('a negative max_age', { max_age: '-1' }, 'invalid_request')
  redirect('a request object that nobody signed', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported')
  redirect('a request object that is none', { request: 'x.y.z' }, 'invalid_request_object')
  redirect('a request by an unregistered reference', { request_uri: 'https://evil.example/request' }, 'invalid_request_uri')
  redirect('a registration', { registration: '{}' }, 'registration_not_supported')
  redirect('a resource that is no URI', { resource: 'archive' }, 'invalid_target')
  redirect('nobody signed in, silently', { prompt: 'none' }, 'login_required')

  test('takes the request as a form too', async () => {
    const url = await request({ scope: 'openid everything' })
    // The form comes without the browser's cookies; a GET of the same request brings them.
    const form = await post(url.origin + url.pathname, [...url.searchParams])
    assert.equal(form.status, 303)
    const answer = await ask(new URL(form.headers.get('location'), url))
    assert.equal(new URL(answer.headers.get('location')).searchParams.get('error'), 'invalid_scope')
  })

  test('knows no other method', async () => {
    const answer = await ask(await request({}), { method: 'PUT' })
    assert.equal(answer.status, 405)
    assert.match(answer.headers.get('allow') ?? '', /GET/)
  })
})

describe('the token endpoint', () => {
  const refused = async (form, headers, status, code) => {
    const answer = await post(endpoints.token_endpoint, form, headers)
    assert.equal(answer.status, status, answer.text)
    assert.equal(answer.json?.error, code, answer.text)
    assert.match(answer.headers.get('content-type'), /^application\/json/)
    assert.match(answer.headers.get('cache-control') ?? '', /no-store/)
    assert.match(answer.json.error_description ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/, 'RFC 6749 §5.2')
    return answer
  }

  test('no credentials, wrong ones, an unknown client: invalid_client', async () => {
    await refused({ grant_type: 'authorization_code' }, {}, 401, 'invalid_client')
    for (const credentials of [{ ...client, client_secret: 'wrong' }, { client_id: 'nobody', client_secret: 'wrong' }]) {
      const answer = await refused({ grant_type: 'authorization_code' }, basic(credentials), 401, 'invalid_client')
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic/, 'RFC 6749 §5.2')
    }
    // Registered for client_secret_basic: by the body is another method.
    await refused({ grant_type: 'authorization_code', client_id: client.client_id, client_secret: client.client_secret }, {}, 401, 'invalid_client')
  })

  test('two ways to authenticate at once: invalid_request', async () => {
    const form = { grant_type: 'authorization_code', client_id: client.client_id, client_secret: client.client_secret }
    await refused(form, basic(client), 400, 'invalid_request')
  })

  test('no grant type, an unknown one, one that is not the client’s', async () => {
    await refused({}, basic(client), 400, 'invalid_request')
    await refused({ grant_type: 'password', username: 'a', password: 'b' }, basic(client), 400, 'unsupported_grant_type')
    await refused({ grant_type: 'client_credentials' }, basic(client), 400, 'unauthorized_client')
  })

  test('a parameter twice: invalid_request', async () => {
    await refused([['grant_type', 'refresh_token'], ['refresh_token', 'a'], ['refresh_token', 'b']], basic(client), 400, 'invalid_request')
  })

  test('no code, a made-up one', async () => {
    await refused({ grant_type: 'authorization_code' }, basic(client), 400, 'invalid_request')
    const form = { grant_type: 'authorization_code', code: 'made-up', redirect_uri: REDIRECT_URI, code_verifier: 'v'.repeat(43) }
    await refused(form, basic(client), 400, 'invalid_grant')
    await refused({ grant_type: 'refresh_token', refresh_token: 'made-up' }, basic(client), 400, 'invalid_grant')
    await refused({ grant_type: 'refresh_token' }, basic(client), 400, 'invalid_request')
  })

  for (const [name, change, by] of [
    ['another verifier', { code_verifier: 'v'.repeat(43) }],
    ['no verifier', { code_verifier: null }],
    ['another redirect URI', { redirect_uri: 'http://127.0.0.1:9/other' }],
    ['no redirect URI', { redirect_uri: null }],
    ['another client', {}, () => other],
  ]) {
    test(`a code with ${name}: invalid_grant`, async () => {
      const { url, checks } = await application.begin()
      const back = await alex().return(url, REDIRECT_URI)
      const form = {
        grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: REDIRECT_URI,
        code_verifier: checks.pkceCodeVerifier, ...change,
      }
      for (const name of Object.keys(form)) if (form[name] === null) delete form[name]
      await refused(form, basic(by?.() ?? client), 400, 'invalid_grant')
    })
  }

  test('a body that is no form, another method', async () => {
    const json = await ask(endpoints.token_endpoint, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', ...basic(client) } })
    assert.ok([400, 415].includes(json.status), String(json.status))
    assert.equal(json.json?.error, 'invalid_request')
    const got = await ask(`${endpoints.token_endpoint}?grant_type=authorization_code`, { headers: basic(client) })
    assert.equal(got.status, 405)
    assert.equal(got.headers.get('allow'), 'POST')
  })

  test('parameters in the address do not count', async () => {
    const answer = await post(`${endpoints.token_endpoint}?grant_type=client_credentials`, {}, basic(client))
    assert.equal(answer.json?.error, 'invalid_request')
  })
})

describe('a protected resource', () => {
  test('userinfo: no token, a made-up one, one in the address, one in two places (RFC 6750 §3)', async () => {
    const url = endpoints.userinfo_endpoint
    const none = await ask(url)
    assert.equal(none.status, 401)
    assert.match(none.headers.get('www-authenticate'), /^Bearer/)
    assert.doesNotMatch(none.headers.get('www-authenticate'), /error=/)
    const wrong = await ask(url, { headers: { authorization: 'Bearer made-up' } })
    assert.equal(wrong.status, 401)
    assert.match(wrong.headers.get('www-authenticate'), /error="invalid_token"/)

    const tokens = await application.signIn(alex())
    const inAddress = await ask(`${url}?access_token=${tokens.access_token}`)
    assert.equal(inAddress.status, 401, 'OAuth 2.1 and RFC 9700 §4.3.2: no tokens in addresses')
    const twice = await post(url, { access_token: tokens.access_token }, { authorization: `Bearer ${tokens.access_token}` })
    assert.equal(twice.status, 400)
    assert.match(twice.headers.get('www-authenticate'), /error="invalid_request"/)
    const form = await post(url, { access_token: tokens.access_token })
    assert.equal(form.json?.sub, tokens.claims().sub)
  })

  test('userinfo: a token without openid has insufficient scope', async () => {
    const { url, checks } = await application.begin({ scope: 'email' })
    url.searchParams.delete('nonce')
    const back = await alex().return(url, REDIRECT_URI)
    const tokens = await oidc.authorizationCodeGrant(application.config, back, { ...checks, expectedNonce: undefined, idTokenExpected: false })
    assert.equal(tokens.id_token, undefined)
    const answer = await ask(endpoints.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    assert.equal(answer.status, 403)
    assert.match(answer.headers.get('www-authenticate'), /error="insufficient_scope"/)
  })

  test('introspection and revocation ask who calls', async () => {
    for (const url of [endpoints.introspection_endpoint, endpoints.revocation_endpoint]) {
      const nobody = await post(url, { token: 'made-up' })
      assert.equal(nobody.status, 401, url)
      assert.equal(nobody.json?.error, 'invalid_client')
      const nothing = await post(url, {}, basic(client))
      assert.equal(nothing.status, 400, url)
      assert.equal(nothing.json?.error, 'invalid_request')
    }
  })
})

describe('a form of the hosted pages', () => {
  test('sent by a foreign page is refused and does nothing', async () => {
    const person = alex()
    const tokens = await application.signIn(person)
    const { page } = await person.visit(`${guichet.issuer}/account`)
    const cookie = await person.jar.getCookieString(guichet.issuer)
    const csrf = page.html.querySelector('input[name=csrf]').getAttribute('value')
    const own = { cookie, origin: guichet.issuer, 'sec-fetch-site': 'same-origin' }
    for (const [headers, form] of [
      [{ ...own, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, { csrf }],
      [own, { csrf: 'made-up' }],
      [own, {}],
    ]) {
      const answer = await post(`${guichet.issuer}/account/sessions/end-all`, form, headers)
      assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status))
    }
    assert.equal((await application.introspect(tokens.access_token)).active, true)
    const good = await post(`${guichet.issuer}/account/sessions/end-all`, { csrf }, own)
    assert.equal(good.status, 303)
    assert.deepEqual(await application.introspect(tokens.access_token), { active: false })
  })

  test('of a journey works in its own browser only', async () => {
    const { url } = await application.begin()
    const { page } = await alex().load(url, REDIRECT_URI)
    const stranger = alex()
    const at = await stranger.load(page.url, REDIRECT_URI)
    assert.notEqual(at.page.name, 'sign-in')
    assert.ok(at.page.status >= 400)
  })
})
