// The simulated upstream providers are what they say: openid-client, which knows nothing of Guichet, signs in at them.

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'

import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import * as oidc from 'openid-client'

import { freePort } from './support/guichet.mjs'
import { Simulation, Visitor } from './support/simulation.mjs'

const BACK = 'http://127.0.0.1:9/callback'
const OUT = 'http://127.0.0.1:9/signed-out'
const insecure = { execute: [oidc.allowInsecureRequests] }

/** A client of the simulated Pro Santé Connect. */
async function discover(simulation, auth = oidc.ClientSecretBasic(simulation.client_secret)) {
  return oidc.discovery(new URL(simulation.discovery_url), simulation.client_id, {}, auth, insecure)
}

async function begin(config, parameters = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce(), idTokenExpected: true }
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: BACK,
    scope: 'openid scope_all',
    acr_values: 'eidas1',
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...parameters,
  })
  return { url, checks }
}

async function signIn(config, choice, visitor = new Visitor(), parameters = {}) {
  const { url, checks } = await begin(config, parameters)
  const back = await visitor.signIn(url, choice)
  return oidc.authorizationCodeGrant(config, back, checks)
}

const card = (person) => ({ person, method: 'card' })

describe('Pro Santé Connect', () => {
  let psc, config, listener
  const told = []
  before(async () => {
    const port = await freePort()
    listener = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => { body += chunk }).on('end', () => { told.push(body); response.end() })
    }).listen(port, '127.0.0.1')
    await once(listener, 'listening')
    psc = await Simulation.start('pro-sante-connect', {
      'redirect-uri': BACK, 'post-logout-redirect-uri': OUT, 'backchannel-logout-uri': `http://127.0.0.1:${port}/logout`,
    })
    config = await discover(psc)
  })
  after(async () => { await psc?.stop(); listener?.close() })

  test('a doctor signs in through the e-CPS page, and the claims are the real shapes', async () => {
    const tokens = await signIn(config, { person: 'medecin', method: 'mobile' })
    const claims = tokens.claims()
    assert.equal(claims.iss, psc.issuer)
    assert.equal(claims.acr, 'eidas1')
    assert.equal(claims.exp - claims.iat, 120)
    assert.equal(tokens.expires_in, 120)
    assert.equal(tokens.token_type.toLowerCase(), 'bearer')
    assert.equal(tokens['not-before-policy'], 0)
    assert.equal(tokens.session_state, claims.sid)
    const access = decodeJwt(tokens.access_token)
    assert.equal(access.SubjectNameID, '899700123450')
    assert.equal(access.authMode, 'MOBILE')
    assert.equal(access.aud, undefined)
    const person = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub)
    assert.equal(person.SubjectNameID, '899700123450')
    assert.deepEqual(person.SubjectRole, ['10^1.2.250.1.213.1.1.5.5'])
    assert.equal(person.SubjectRefPro.exercices[0].activities[1].numeroFinessSite, '990001232')
  })

  test('its own discovery name sends the browser to the wallet, the standard one does not', async () => {
    const own = await (await fetch(psc.discovery_url)).json()
    const standard = await (await fetch(`${psc.issuer}/.well-known/openid-configuration`)).json()
    assert.equal(own.authorization_endpoint, `${psc.url}/auth`)
    assert.equal(standard.authorization_endpoint, `${psc.issuer}/protocol/openid-connect/auth`)
    assert.equal(own.issuer, standard.issuer)
    assert.deepEqual(own.acr_values_supported, ['0', '0'])
    assert.equal(own.authorization_response_iss_parameter_supported, true)
  })

  for (const [name, auth] of [['basic', oidc.ClientSecretBasic], ['post', oidc.ClientSecretPost]]) {
    test(`client_secret_${name}, and not with a wrong secret`, async () => {
      assert.ok((await signIn(await discover(psc, auth(psc.client_secret)), card('infirmiere'))).access_token)
      const wrong = await discover(psc, auth('wrong'))
      await assert.rejects(signIn(wrong, card('infirmiere')), /invalid_client|WWW-Authenticate|401/i)
    })
  }

  test('a session answers without a page until it is ended with the ID token; the client is told', async () => {
    const visitor = new Visitor()
    const tokens = await signIn(config, card('pharmacien'), visitor)
    const again = await signIn(config, {}, visitor, { prompt: 'none' })
    assert.equal(again.claims().sub, tokens.claims().sub)
    const before = told.length
    const out = oidc.buildEndSessionUrl(config, { id_token_hint: again.id_token, post_logout_redirect_uri: OUT, state: 's' })
    const answer = await visitor.get(out)
    assert.equal(answer.headers.get('location'), `${OUT}?state=s`)
    assert.equal(told.length, before + 1)
    const { payload } = await jwtVerify(new URLSearchParams(told.at(-1)).get('logout_token'), createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri)),
      { issuer: psc.issuer, audience: psc.client_id, typ: 'logout+jwt' })
    assert.equal(payload.sid, tokens.claims().sid)
    assert.ok(payload.events['http://schemas.openid.net/event/backchannel-logout'])
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' })
    await assert.rejects(signIn(config, {}, visitor, { prompt: 'none' }), { error: 'login_required' })
  })

  test('a refresh token works once', async () => {
    const tokens = await signIn(config, card('medecin'))
    const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token)
    assert.notEqual(fresh.refresh_token, tokens.refresh_token)
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' })
  })

  test('introspection of both tokens; SubjectNameID is of the access token alone', async () => {
    const tokens = await signIn(config, card('medecin'))
    const access = await oidc.tokenIntrospection(config, tokens.access_token)
    assert.deepEqual([access.active, access.SubjectNameID, access.authMode], [true, '899700123450', 'CARD'])
    const refresh = await oidc.tokenIntrospection(config, tokens.refresh_token)
    assert.deepEqual([refresh.active, refresh.SubjectNameID], [true, undefined])
    await oidc.tokenRevocation(config, tokens.access_token)
    assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, false)
  })

  test('asks for eidas1 and nothing else', async () => {
    for (const [wrong, error] of [[{ acr_values: 'eidas2' }, 'invalid_request'], [{ scope: 'scope_all' }, 'invalid_scope'], [{ response_type: 'token' }, 'unsupported_response_type']]) {
      const { url } = await begin(config, wrong)
      const back = await new Visitor().signIn(url, card('medecin'))
      assert.equal(back.searchParams.get('error'), error)
    }
    const { url } = await begin(config, { redirect_uri: 'http://127.0.0.1:9/other' })
    assert.equal((await fetch(url)).status, 400)
  })

  test('cancelling goes back with access_denied', async () => {
    await assert.rejects(signIn(config, { decision: 'cancel' }), { error: 'access_denied' })
  })

  test('signing in by the telephone alone (CIBA)', async () => {
    const request = (more) => oidc.initiateBackchannelAuthentication(config,
      { scope: 'openid scope_all', acr_values: 'eidas1', login_hint: '899700123450', binding_message: '42', channel: 'MOBILE', ...more })
    await assert.rejects(request({ login_hint: '899700123451' }), { error: 'unknown_user_id' })
    await assert.rejects(request({ binding_message: '4' }), { error: 'invalid_binding_message' })
    for (const [decision, outcome] of [['approve', null], ['refuse', 'access_denied']]) {
      const asked = await request()
      assert.deepEqual([asked.expires_in, asked.interval], [120, 1])
      const phone = await (await fetch(`${psc.url}/simulation/phone`)).text()
      assert.ok(phone.includes(asked.auth_req_id) && phone.includes('>42<'))
      const polled = oidc.pollBackchannelAuthenticationGrant(config, asked)
      await fetch(`${psc.url}/simulation/phone`, { method: 'POST', body: new URLSearchParams({ request: asked.auth_req_id, decision }), redirect: 'manual' })
      if (outcome) await assert.rejects(polled, { error: outcome })
      else assert.equal(decodeJwt((await polled).access_token).SubjectNameID, '899700123450')
    }
  })

  const wrong = ['callback:wrong_state', 'callback:missing_state', 'callback:wrong_iss', 'callback:missing_iss', 'callback:access_denied',
    'id_token:wrong_iss', 'id_token:wrong_aud', 'id_token:many_aud', 'id_token:wrong_nonce', 'id_token:missing_nonce', 'id_token:expired',
    'id_token:missing_exp', 'id_token:alg_none', 'id_token:missing', 'id_token:missing_sub',
    'id_token:null_sub', 'id_token:number_sub', 'token:500', 'token:html', 'token:truncated', 'token:redirect_loop', 'token:redirect_private',
    'token:invalid_grant', 'token:invalid_client']
  for (const failure of wrong) {
    test(`a client that checks refuses ${failure}`, async () => {
      await assert.rejects(signIn(config, { ...card('medecin'), failure }))
    })
  }
  for (const failure of ['userinfo:other_sub', 'userinfo:500', 'userinfo:html', 'userinfo:401', 'userinfo:missing_sub']) {
    test(`a client that checks refuses ${failure}`, async () => {
      const tokens = await signIn(config, { ...card('medecin'), failure })
      await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub))
    })
  }

  // openid-client trusts the connection to the token endpoint and leaves the signature aside; jose looks at it.
  for (const failure of ['id_token:alg_hs256', 'id_token:unknown_key', 'id_token:bad_signature']) {
    test(`whoever verifies signatures refuses ${failure}`, async () => {
      const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri))
      const [right, wrong] = [await signIn(config, card('medecin')), await signIn(config, { ...card('medecin'), failure })]
      await jwtVerify(right.id_token, keys, { issuer: psc.issuer, audience: psc.client_id, algorithms: ['RS256'] })
      await assert.rejects(jwtVerify(wrong.id_token, keys, { algorithms: ['RS256'] }))
    })
  }

  test('a failure can be armed from outside, and disarmed', async () => {
    await psc.fail('discovery:wrong_iss')
    assert.notEqual((await (await fetch(psc.discovery_url)).json()).issuer, psc.issuer)
    await psc.fail()
    assert.equal((await (await fetch(psc.discovery_url)).json()).issuer, psc.issuer)
    assert.ok((await psc.calls()).token > 0)
  })

  test('every page says that it is a simulation, without script', async () => {
    const { url } = await begin(config)
    for (const page of [url, psc.url, `${psc.url}/simulation/phone`]) {
      const response = await fetch(page)
      const text = await response.text()
      assert.match(text, /SIMULATION – aucun lien avec Pro Santé Connect/)
      assert.doesNotMatch(text, /<script/)
      assert.match(response.headers.get('content-security-policy'), /default-src 'none'/)
    }
  })
})

test('Pro Santé Connect with signed userinfo', async () => {
  const psc = await Simulation.start('pro-sante-connect', { 'userinfo-signed': true })
  try {
    const config = await discover(psc)
    const tokens = await signIn(config, card('medecin'))
    const response = await fetch(config.serverMetadata().userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    assert.equal(response.headers.get('content-type'), 'application/jwt')
    const { payload } = await jwtVerify(await response.text(), createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri)), { issuer: psc.issuer, audience: psc.client_id })
    assert.equal(payload.SubjectNameID, '899700123450')
  } finally {
    await psc.stop()
  }
})

test('Google: hd, offline access, the old issuer', async () => {
  const google = await Simulation.start('google')
  try {
    const config = await discover(google, oidc.ClientSecretPost(google.client_secret))
    const ask = (choice, more) => signIn(config, choice, new Visitor(), { scope: 'openid email profile', ...more })
    const tokens = await ask({ person: 'workspace' }, { access_type: 'offline' })
    assert.equal(tokens.claims().hd, 'clinique.example')
    assert.ok(tokens.refresh_token)
    assert.equal((await ask({ person: 'gmail' })).refresh_token, undefined)
    await assert.rejects(ask({ person: 'gmail', failure: 'id_token:legacy_iss' }))
    await assert.rejects(ask({ decision: 'cancel' }), { error: 'access_denied' })
    const jwks = await fetch(config.serverMetadata().jwks_uri)
    assert.match(jwks.headers.get('cache-control'), /max-age=\d+/)
  } finally {
    await google.stop()
  }
})

test('Facebook: versions, the proof of the secret, a missing address', async () => {
  const facebook = await Simulation.start('facebook')
  try {
    const at = (path, parameters) => `${facebook.url}${path}?${new URLSearchParams(parameters)}`
    const own = { client_id: facebook.client_id, redirect_uri: BACK }
    const back = await new Visitor().signIn(at('/v25.0/dialog/oauth', { ...own, state: 's', scope: 'public_profile,email' }), { person: 'complete' })
    assert.equal(back.hash, '#_=_')
    const code = back.searchParams.get('code')
    const tokens = await (await fetch(at('/v25.0/oauth/access_token', { ...own, client_secret: facebook.client_secret, code }))).json()
    const proof = createHmac('sha256', facebook.client_secret).update(tokens.access_token).digest('hex')
    const me = (more, version = 'v25.0') => fetch(at(`/${version}/me`, { access_token: tokens.access_token, fields: 'id,name,email', ...more }))
    assert.equal((await me()).status, 400)
    assert.equal((await me({ appsecret_proof: proof.toUpperCase() })).status, 400)
    const person = await (await me({ appsecret_proof: proof })).json()
    assert.equal(person.email, 'fanny@exemple.example')
    assert.match(person.id, /^10\d{15}$/)
    assert.deepEqual(Object.keys(await (await me({ appsecret_proof: proof, fields: 'id,name' })).json()).sort(), ['id', 'name'])
    assert.equal((await me({ appsecret_proof: proof }, 'v12.0')).headers.get('facebook-api-version'), 'v21.0')
    const app = `${facebook.client_id}|${facebook.client_secret}`
    const { data } = await (await fetch(at('/debug_token', { input_token: tokens.access_token, access_token: app }))).json()
    assert.deepEqual([data.app_id, data.is_valid, data.user_id], [facebook.client_id, true, person.id])
    const again = await fetch(at('/v25.0/oauth/access_token', { ...own, client_secret: facebook.client_secret, code }))
    assert.deepEqual([again.status, (await again.json()).error.code], [400, 100])
  } finally {
    await facebook.stop()
  }
})

test('GitHub: errors with status 200, forms unless JSON is asked for, addresses of their own', async () => {
  const github = await Simulation.start('github')
  try {
    const verifier = oidc.randomPKCECodeVerifier()
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const url = `${github.url}/login/oauth/authorize?${new URLSearchParams({
      client_id: github.client_id, redirect_uri: BACK, state: 's', scope: 'read:user user:email', code_challenge: challenge, code_challenge_method: 'S256',
    })}`
    const redeem = (code, headers, more = {}) => fetch(`${github.url}/login/oauth/access_token`, {
      method: 'POST', headers, body: new URLSearchParams({ client_id: github.client_id, client_secret: github.client_secret, code, code_verifier: verifier, ...more }),
    })
    const json = { accept: 'application/json' }
    const back = await new Visitor().signIn(url, { person: 'complete' })
    assert.equal(back.searchParams.get('iss'), github.issuer)
    const code = back.searchParams.get('code')
    const wrong = await redeem(code, json, { client_secret: 'wrong' })
    assert.deepEqual([wrong.status, (await wrong.json()).error], [200, 'incorrect_client_credentials'])
    const form = await redeem(code, {})
    assert.match(form.headers.get('content-type'), /x-www-form-urlencoded/)
    const token = new URLSearchParams(await form.text())
    assert.equal(token.get('scope'), 'read:user,user:email')
    const used = await redeem(code, json)
    assert.deepEqual([used.status, (await used.json()).error], [200, 'bad_verification_code'])
    const api = (path) => fetch(`${github.url}${path}`, { headers: { authorization: `Bearer ${token.get('access_token')}`, 'x-github-api-version': '2022-11-28' } })
    const user = await (await api('/user')).json()
    assert.deepEqual([user.id, user.email], [90000021, null])
    const emails = await (await api('/user/emails')).json()
    assert.equal(emails.find((email) => email.primary && email.verified).email, 'iris@exemple.example')
  } finally {
    await github.stop()
  }
})
