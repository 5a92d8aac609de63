// openid-client, the certified relying-party library of the npm registry, uses Guichet from discovery to sign-out.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair } from 'jose'
import * as oidc from 'openid-client'

import { Application, oauthError, REDIRECT_URI, REGISTRATION, SCOPE, SIGNED_OUT_URI } from './support/application.mjs'
import { Guichet } from './support/guichet.mjs'
import { Person } from './support/person.mjs'

let guichet, world, publicClient, firstParty, resourceServer

/** Someone who has a membership in the pharmacy only, at a browser of their own. */
const alex = (more) => new Person({ ...world.one, tenant: world.pharmacy.code, ...more })
/** Someone with two memberships. */
const camille = (more) => new Person({ ...world.both, ...more })
/** An application of the operator's own: no consent page. */
const ownApplication = () => Application.discover(guichet.issuer, firstParty.client_id, oidc.ClientSecretBasic(firstParty.client_secret))

/** `action` has to fail with this OAuth error code. */
const refused = (action, code) => assert.rejects(action, (error) => {
  assert.equal(oauthError(error), code, `${error.message}: ${JSON.stringify(error.cause ?? {})}`)
  return true
})

before(async () => {
  guichet = await Guichet.start({ name: 'openid-client' })
  world = await guichet.populate()
  publicClient = await guichet.client('Tablette', { ...REGISTRATION, 'auth-method': 'none' })
  firstParty = await guichet.client('Dossier', { ...REGISTRATION, 'auth-method': 'client_secret_basic', 'first-party': true })
  resourceServer = await guichet.client('Archives', { ...REGISTRATION, 'auth-method': 'client_secret_basic', 'resource-server': true })
})
after(() => guichet?.stop())

describe('discovery', () => {
  test('OpenID and OAuth metadata name the same issuer and endpoints', async () => {
    const openid = await (await fetch(`${guichet.issuer}/.well-known/openid-configuration`)).json()
    const oauth = await (await fetch(`${guichet.issuer}/.well-known/oauth-authorization-server`)).json()
    assert.equal(openid.issuer, guichet.issuer)
    for (const name of ['issuer', 'authorization_endpoint', 'token_endpoint', 'jwks_uri', 'introspection_endpoint', 'revocation_endpoint']) {
      assert.equal(oauth[name], openid[name], name)
      assert.ok(openid[name].startsWith(guichet.issuer), name)
    }
    assert.equal(openid.authorization_response_iss_parameter_supported, true)
    assert.deepEqual(openid.code_challenge_methods_supported, ['S256'])
    assert.ok(openid.end_session_endpoint && openid.userinfo_endpoint)
  })
})

describe('ways to authenticate a client', () => {
  test('public, with PKCE alone', async () => {
    const application = await Application.discover(guichet.issuer, publicClient.client_id)
    assert.equal(publicClient.client_secret ?? null, null)
    const tokens = await application.signIn(alex())
    assert.equal(tokens.claims().aud, publicClient.client_id)
    assert.equal((await application.userinfo(tokens)).email, world.one.email)
  })

  for (const [method, authenticate] of [
    ['client_secret_basic', oidc.ClientSecretBasic],
    ['client_secret_post', oidc.ClientSecretPost],
  ]) {
    test(method, async () => {
      const client = await guichet.client(`Confidentiel ${method}`, { ...REGISTRATION, 'auth-method': method })
      const application = await Application.discover(guichet.issuer, client.client_id, authenticate(client.client_secret))
      const tokens = await application.signIn(alex())
      assert.ok(tokens.refresh_token)
      const wrong = await Application.discover(guichet.issuer, client.client_id, authenticate(`${client.client_secret}x`))
      await refused(() => wrong.refresh(tokens.refresh_token), 'invalid_client')
      assert.ok((await application.refresh(tokens.refresh_token)).access_token, 'the refusal must not spend the token')
    })
  }

  test('private_key_jwt', async () => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    const jwks = path.join(guichet.dir, 'client-jwks.json')
    writeFileSync(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] }))
    const client = await guichet.client('Laboratoire', { ...REGISTRATION, 'auth-method': 'private_key_jwt', jwks })
    const key = { key: pair.privateKey, kid: 'k1' }
    const application = await Application.discover(guichet.issuer, client.client_id, oidc.PrivateKeyJwt(key))
    const tokens = await application.signIn(alex())
    assert.equal(tokens.claims().aud, client.client_id)

    const stranger = await generateKeyPair('ES256')
    const forged = await Application.discover(guichet.issuer, client.client_id, oidc.PrivateKeyJwt({ key: stranger.privateKey, kid: 'k1' }))
    await refused(() => forged.refresh(tokens.refresh_token), 'invalid_client')
  })

  test('client_credentials', async () => {
    const client = await guichet.client('Robot', { 'grant-type': 'client_credentials', 'auth-method': 'client_secret_basic', scope: 'tenant' })
    const application = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret))
    const tokens = await oidc.clientCredentialsGrant(application.config)
    assert.equal(decodeJwt(tokens.access_token).client_id, client.client_id)
    assert.equal(tokens.refresh_token, undefined)
    assert.equal(tokens.id_token, undefined)
    const other = await ownApplication()
    await refused(() => oidc.clientCredentialsGrant(other.config), 'unauthorized_client')
  })
})

describe('a sign-in', () => {
  test('asks for the tenant where there is a choice, and puts it into the tokens', async () => {
    const application = await ownApplication()
    const person = camille({ tenant: world.clinic.code })
    const tokens = await application.signIn(person)
    assert.deepEqual(person.seen, ['sign-in', 'tenant'])
    const claims = decodeJwt(tokens.access_token)
    assert.equal(decodeProtectedHeader(tokens.access_token).typ, 'at+jwt')
    assert.equal(claims.tenant_id, world.clinic.uuid)
    assert.equal(claims.tenant.code, world.clinic.code)
    assert.equal(claims.tenant.kind, 'clinic')
    assert.deepEqual([...claims.roles].sort(), ['admin', 'doctor'])
    for (const name of ['iss', 'sub', 'aud', 'client_id', 'scope', 'jti', 'iat', 'exp', 'auth_time', 'acr', 'amr', 'sid']) {
      assert.ok(claims[name] !== undefined, name)
    }
    assert.equal(claims.exp - claims.iat, 30 * 60)
  })

  test('does not ask for the only tenant', async () => {
    const person = alex({ tenant: undefined })
    const tokens = await (await ownApplication()).signIn(person)
    assert.deepEqual(person.seen, ['sign-in'])
    assert.equal(decodeJwt(tokens.access_token).tenant_id, world.pharmacy.uuid)
    assert.deepEqual(decodeJwt(tokens.access_token).roles, ['adjoint'])
  })

  test('takes a hint for the tenant, which is no way into a strange one', async () => {
    const application = await ownApplication()
    const hinted = camille()
    const tokens = await application.signIn(hinted, { tenant: world.pharmacy.code })
    assert.deepEqual(hinted.seen, ['sign-in'])
    assert.equal(decodeJwt(tokens.access_token).tenant_id, world.pharmacy.uuid)

    await refused(() => application.signIn(alex(), { tenant: world.clinic.code }), 'access_denied')
  })

  test('asks for consent once, and again when it was denied', async () => {
    const client = await guichet.client('Tiers', { ...REGISTRATION, 'auth-method': 'client_secret_basic' })
    const application = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret))
    const denying = alex({ decision: 'deny' })
    await refused(() => application.signIn(denying), 'access_denied')
    assert.deepEqual(denying.seen, ['sign-in', 'consent'])

    const person = alex()
    await application.signIn(person)
    assert.deepEqual(person.seen, ['sign-in', 'consent'])
    await application.signIn(person)
    assert.deepEqual(person.seen, [], 'signed in and consented: no page at all')
    const elsewhere = alex()
    await application.signIn(elsewhere)
    assert.deepEqual(elsewhere.seen, ['sign-in'], 'the consent is remembered for the person, not for the browser')
    await application.signIn(elsewhere, { prompt: 'consent' })
    assert.deepEqual(elsewhere.seen, ['consent'])
  })

  test('with a wrong password stays on the page and says so, in the language of the browser', async () => {
    const application = await ownApplication()
    for (const language of ['fr', 'en']) {
      const { url } = await application.begin()
      const person = alex({ password: 'not the password', language })
      const { page } = await person.visit(url, REDIRECT_URI)
      assert.equal(page.name, 'sign-in')
      assert.equal(page.language, language)
      assert.ok(page.alert, 'an element with role=alert')
      assert.ok(page.status >= 400 || page.status === 200, String(page.status))
      assert.ok(!page.text.includes('not the password'), 'the page does not repeat the password')
    }
  })

  test('says the same of a wrong password and of an unknown address', async () => {
    const application = await ownApplication()
    const alerts = []
    for (const email of [world.one.email, 'nobody@example.org']) {
      const { url } = await application.begin()
      const { page } = await new Person({ email, password: 'not the password' }).visit(url, REDIRECT_URI)
      alerts.push([page.status, page.name, page.alert])
    }
    assert.deepEqual(alerts[0], alerts[1])
  })

  test('prefers ui_locales to the browser', async () => {
    const { url } = await (await ownApplication()).begin({ ui_locales: 'en' })
    const { page } = await new Person({ language: 'fr' }).load(url, REDIRECT_URI)
    assert.equal(page.language, 'en')
  })

  test('answers by a posted form', async () => {
    const application = await ownApplication()
    const { url, checks } = await application.begin({ response_mode: 'form_post' })
    const { request } = await alex().visit(url, REDIRECT_URI)
    assert.ok(request, 'a form posted to the application')
    assert.ok((await application.finish(request, checks)).access_token)
  })

  test('a code works once; a second use ends what the first one gave', async () => {
    const application = await ownApplication()
    const { url, checks } = await application.begin()
    const back = await alex().return(url, REDIRECT_URI)
    const tokens = await application.finish(back, checks)
    await refused(() => application.finish(back, checks), 'invalid_grant')
    await refused(() => application.refresh(tokens.refresh_token), 'invalid_grant')
  })

  test('without PKCE is refused, back at the application', async () => {
    const application = await ownApplication()
    const { url, checks } = await application.begin()
    url.searchParams.delete('code_challenge')
    url.searchParams.delete('code_challenge_method')
    await refused(async () => application.finish(await alex().return(url, REDIRECT_URI), checks), 'invalid_request')
  })

  test('for a redirect URI that is not registered ends on a page of ours', async () => {
    const { url } = await (await ownApplication()).begin({ redirect_uri: `${REDIRECT_URI}/other` })
    const { page } = await alex().visit(url, `${REDIRECT_URI}/other`)
    assert.equal(page?.name, 'error')
    assert.ok(page.status >= 400 && page.status < 500, String(page.status))
  })
})

describe('a session', () => {
  test('prompt=none: login_required first, then silent', async () => {
    const application = await ownApplication()
    const person = alex()
    await refused(() => application.silently(person), 'login_required')
    const first = await application.signIn(person)
    const second = await application.silently(person)
    assert.deepEqual(person.seen, [])
    assert.equal(second.claims().sub, first.claims().sub)
    assert.equal(second.claims().auth_time ?? decodeJwt(second.access_token).auth_time, decodeJwt(first.access_token).auth_time)
  })

  test('prompt=none without consent: consent_required', async () => {
    const client = await guichet.client('Sans accord', { ...REGISTRATION, 'auth-method': 'none' })
    const person = alex()
    await (await ownApplication()).signIn(person)
    const application = await Application.discover(guichet.issuer, client.client_id)
    await refused(() => application.silently(person), 'consent_required')
  })

  test('max_age and prompt=login ask for the password again and move auth_time', async () => {
    const application = await ownApplication()
    const person = alex()
    const first = await application.signIn(person)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    for (const parameters of [{ prompt: 'login' }, { max_age: '0' }]) {
      const again = await application.signIn(person, parameters)
      assert.deepEqual(person.seen, ['sign-in'], JSON.stringify(parameters))
      assert.ok(again.claims().auth_time > decodeJwt(first.access_token).auth_time)
    }
    const young = await application.signIn(person, { max_age: '3600' })
    assert.deepEqual(person.seen, [])
    assert.ok(young.claims().auth_time)
  })

  test('ends at a sign-out that the application starts', async () => {
    const application = await ownApplication()
    const person = alex()
    const tokens = await application.signIn(person)
    const back = await person.return(application.endSession(tokens, { state: 'after' }), SIGNED_OUT_URI)
    assert.equal(back.searchParams.get('state'), 'after')
    await refused(() => application.silently(person), 'login_required')
    await refused(() => application.refresh(tokens.refresh_token), 'invalid_grant')
  })

  test('a sign-out without a hint asks first, and ends on a page of ours', async () => {
    const application = await ownApplication()
    const person = alex()
    await application.signIn(person)
    const url = new URL(application.config.serverMetadata().end_session_endpoint)
    const at = await person.load(url, SIGNED_OUT_URI)
    assert.equal(at.page.name, 'logout')
    await application.silently(person)
    const { page } = await person.visit(url, SIGNED_OUT_URI)
    assert.equal(page.name, 'signed-out')
    await refused(() => application.silently(person), 'login_required')
  })

  test('a sign-out goes to no address that is not registered', async () => {
    const application = await ownApplication()
    const person = alex()
    const tokens = await application.signIn(person)
    const elsewhere = 'http://127.0.0.1:9/elsewhere'
    const at = await person.visit(application.endSession(tokens, { post_logout_redirect_uri: elsewhere }), elsewhere)
    assert.ok(at.page, `was sent to ${at.url}`)
  })
})

describe('tokens', () => {
  test('a refresh token rotates; reuse of an old one ends the family', async () => {
    const application = await ownApplication()
    const first = await application.signIn(alex())
    const second = await application.refresh(first.refresh_token)
    assert.notEqual(second.refresh_token, first.refresh_token)
    assert.notEqual(second.access_token, first.access_token)
    const third = await application.refresh(second.refresh_token)
    // The first token is two generations old: no retry of an answer that was lost, whenever it comes.
    await refused(() => application.refresh(first.refresh_token), 'invalid_grant')
    await refused(() => application.refresh(third.refresh_token), 'invalid_grant')
  })

  test('a refresh repeated at once gives the live token again', async () => {
    const application = await ownApplication()
    const first = await application.signIn(alex())
    const answers = await Promise.all([1, 2, 3].map(() => application.refresh(first.refresh_token)))
    const live = new Set(answers.map((answer) => answer.refresh_token))
    assert.equal(live.size, 1, 'one live successor')
    assert.ok((await application.refresh([...live][0])).access_token)
  })

  test('a refresh can narrow the scope and not widen it', async () => {
    const application = await ownApplication()
    const tokens = await application.signIn(alex(), { scope: 'openid email offline_access' })
    const narrow = await application.refresh(tokens.refresh_token, { scope: 'openid' })
    assert.equal(decodeJwt(narrow.access_token).scope, 'openid')
    await refused(() => application.refresh(narrow.refresh_token, { scope: SCOPE }), 'invalid_scope')
  })

  test('userinfo tells what the scope covers', async () => {
    const application = await ownApplication()
    const all = await application.userinfo(await application.signIn(alex()))
    assert.equal(all.email, world.one.email)
    assert.equal(all.given_name, 'Alex')
    assert.equal(all.family_name, 'Durand')
    const little = await application.userinfo(await application.signIn(alex(), { scope: 'openid' }))
    assert.equal(little.email, undefined)
    assert.equal(little.given_name, undefined)
  })

  test('a resource server introspects the tokens of all, another client does not', async () => {
    const application = await ownApplication()
    const tokens = await application.signIn(alex())
    const archive = await Application.discover(guichet.issuer, resourceServer.client_id, oidc.ClientSecretBasic(resourceServer.client_secret))
    const active = await archive.introspect(tokens.access_token)
    assert.equal(active.active, true)
    assert.equal(active.sub, tokens.claims().sub)
    assert.equal(active.client_id, firstParty.client_id)
    assert.equal(active.tenant_id, world.pharmacy.uuid)
    const client = await guichet.client('Curieux', { ...REGISTRATION, 'auth-method': 'client_secret_basic' })
    const curious = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret))
    assert.deepEqual(await curious.introspect(tokens.access_token), { active: false })
    assert.deepEqual(await archive.introspect('nonsense'), { active: false })
  })

  test('a revoked refresh token takes its family along', async () => {
    const application = await ownApplication()
    const tokens = await application.signIn(alex())
    const archive = await Application.discover(guichet.issuer, resourceServer.client_id, oidc.ClientSecretBasic(resourceServer.client_secret))
    await application.revoke(tokens.refresh_token, { token_type_hint: 'refresh_token' })
    await refused(() => application.refresh(tokens.refresh_token), 'invalid_grant')
    assert.deepEqual(await archive.introspect(tokens.access_token), { active: false })
    await application.revoke('nonsense')
  })

  test('opaque access tokens work where JWTs do', async () => {
    const client = await guichet.client('Opaque', { ...REGISTRATION, 'auth-method': 'client_secret_basic', 'first-party': true, 'access-token': 'opaque' })
    const application = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret))
    const tokens = await application.signIn(alex())
    assert.equal(tokens.access_token.split('.').length, 1)
    assert.equal((await application.userinfo(tokens)).email, world.one.email)
    const described = await application.introspect(tokens.access_token)
    assert.equal(described.active, true)
    assert.equal(described.tenant_id, world.pharmacy.uuid)
  })

  for (const algorithm of ['RS256', 'ES256', 'PS256', 'EdDSA']) {
    test(`an ID token signed with ${algorithm}`, async () => {
      const client = await guichet.client(`Signé ${algorithm}`, {
        ...REGISTRATION, 'auth-method': 'client_secret_basic', 'first-party': true, 'id-token-alg': algorithm,
      })
      const application = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret),
        { id_token_signed_response_alg: algorithm })
      oidc.enableNonRepudiationChecks(application.config) // so that openid-client verifies the signature too
      const tokens = await application.signIn(alex())
      assert.equal(decodeProtectedHeader(tokens.id_token).alg, algorithm)
    })
  }

  test('a person who was disabled is out everywhere', async () => {
    const gone = await guichet.user('robin.petit@example.org')
    await guichet.grant(gone.email, world.pharmacy.code, 'stagiaire')
    const application = await ownApplication()
    const person = new Person({ ...gone })
    const tokens = await application.signIn(person)
    await guichet.cli(['user', 'disable', '--user', gone.email])
    await refused(() => application.refresh(tokens.refresh_token), 'invalid_grant')
    await refused(() => application.silently(person), 'login_required')
    const { url } = await application.begin()
    const { page } = await new Person({ ...gone }).visit(url, REDIRECT_URI)
    assert.equal(page.name, 'sign-in')
    assert.ok(page.alert)
  })

  test('a role that was taken away is not in the next token', async () => {
    const nurse = await guichet.user('sacha.leroy@example.org')
    await guichet.grant(nurse.email, world.clinic.code, 'nurse')
    await guichet.grant(nurse.email, world.clinic.code, 'secretary')
    const application = await ownApplication()
    const tokens = await application.signIn(new Person({ ...nurse }))
    assert.deepEqual([...decodeJwt(tokens.access_token).roles].sort(), ['nurse', 'secretary'])
    await guichet.cli(['user', 'revoke', '--user', nurse.email, '--tenant', world.clinic.code, '--role', 'nurse'])
    const next = await application.refresh(tokens.refresh_token)
    assert.deepEqual(decodeJwt(next.access_token).roles, ['secretary'])
  })
})

describe('answers that are signed and encrypted for one client', () => {
  for (const [alg, enc, signed] of [
    ['RSA-OAEP-256', 'A128CBC-HS256', 'RS256'],
    ['RSA-OAEP-256', 'A256GCM', 'PS256'],
    ['ECDH-ES', 'A128GCM', 'ES256'],
    ['ECDH-ES', 'A128CBC-HS256', 'EdDSA'],
    ['ECDH-ES+A256KW', 'A256GCM', 'ES256'],
  ]) {
    test(`${alg}, ${enc}, ${signed}`, async () => {
      const pair = await generateKeyPair(alg, { extractable: true })
      const jwks = path.join(guichet.dir, `encryption-${alg}-${enc}.json`)
      writeFileSync(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'e1', alg, use: 'enc' }] }))
      const client = await guichet.client(`Scellé ${alg} ${enc}`, {
        ...REGISTRATION, 'auth-method': 'client_secret_basic', 'first-party': true, jwks,
        'id-token-alg': signed, 'id-token-encryption-alg': alg, 'id-token-encryption-enc': enc,
        'userinfo-alg': signed, 'userinfo-encryption-alg': alg, 'userinfo-encryption-enc': enc,
        'introspection-alg': signed,
      })
      const metadata = { id_token_signed_response_alg: signed, userinfo_signed_response_alg: signed, introspection_signed_response_alg: signed }
      const application = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret), metadata)
      oidc.enableDecryptingResponses(application.config, [enc], { key: pair.privateKey, alg, kid: 'e1' })
      const tokens = await application.signIn(alex())
      assert.equal(tokens.claims().aud, client.client_id)
      assert.equal((await application.userinfo(tokens)).email, world.one.email)
      assert.equal((await application.introspect(tokens.access_token)).active, true)

      // Without the key there is nothing to read.
      const blind = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret), metadata)
      await assert.rejects(blind.signIn(alex()))
      const answer = await fetch(application.config.serverMetadata().userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } })
      assert.equal(answer.headers.get('content-type'), 'application/jwt')
      const sealed = await answer.text()
      assert.deepEqual((({ alg, enc, cty }) => ({ alg, enc, cty }))(decodeProtectedHeader(sealed)), { alg, enc, cty: 'JWT' })
    })
  }
})
