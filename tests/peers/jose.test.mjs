// A resource server in Node that knows the issuer's URL and nothing else: jose fetches the keys and verifies.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify, SignJWT, UnsecuredJWT } from 'jose'
import * as oidc from 'openid-client'

import { Application, REGISTRATION } from './support/application.mjs'
import { Guichet } from './support/guichet.mjs'
import { Person } from './support/person.mjs'

let guichet, world, application, verify, jwksUri

before(async () => {
  guichet = await Guichet.start({ name: 'jose' })
  world = await guichet.populate()
  const client = await guichet.client('Dossier', { ...REGISTRATION, 'auth-method': 'client_secret_basic', 'first-party': true })
  application = await Application.discover(guichet.issuer, client.client_id, oidc.ClientSecretBasic(client.client_secret))
  const metadata = await (await fetch(`${guichet.issuer}/.well-known/openid-configuration`)).json()
  jwksUri = new URL(metadata.jwks_uri)
  verify = verifier()
})
after(() => guichet?.stop())

/** What a resource server does with a token; its key cache asks again for a `kid` that it does not know. */
function verifier() {
  const keys = createRemoteJWKSet(jwksUri, { cooldownDuration: 0 })
  return (token) => jwtVerify(token, keys, { issuer: guichet.issuer, audience: guichet.issuer, typ: 'at+jwt', algorithms: ['ES256'] })
}

const signIn = (tenant = world.clinic.code) => application.signIn(new Person({ ...world.both, tenant }))

/** The token with another payload or signature. */
function tampered(token, change) {
  const [header, payload, signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url'))
  return [header, Buffer.from(JSON.stringify(change(claims))).toString('base64url'), signature].join('.')
}

describe('a resource server with jose', () => {
  test('verifies an access token and reads who, where and as what', async () => {
    const tokens = await signIn()
    const { payload, protectedHeader } = await verify(tokens.access_token)
    assert.equal(protectedHeader.alg, 'ES256')
    assert.equal(payload.sub, tokens.claims().sub)
    assert.equal(payload.tenant_id, world.clinic.uuid)
    assert.deepEqual([...payload.roles].sort(), ['admin', 'doctor'])
  })

  test('publishes public parts only', async () => {
    const { keys } = await (await fetch(jwksUri)).json()
    for (const key of keys) {
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.equal(key[secret], undefined)
      assert.ok(key.kid && key.alg && key.use === 'sig')
    }
    assert.equal(new Set(keys.map((key) => key.kid)).size, keys.length)
  })

  test('refuses a token that was tampered with', async () => {
    const { access_token: token } = await signIn()
    for (const change of [
      (claims) => ({ ...claims, roles: [...claims.roles, 'owner'] }),
      (claims) => ({ ...claims, tenant_id: world.pharmacy.uuid }),
      (claims) => ({ ...claims, exp: claims.exp + 3600 }),
    ]) await assert.rejects(verify(tampered(token, change)), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
    const [header, payload] = token.split('.')
    await assert.rejects(verify(`${header}.${payload}.`))
    await assert.rejects(verify(`${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`))
  })

  test('Guichet refuses at userinfo what a resource server refuses', async () => {
    const { access_token: token, id_token: idToken } = await signIn()
    const { userinfo_endpoint: userinfo } = application.config.serverMetadata()
    const status = async (bearer) => (await fetch(userinfo, { headers: { authorization: `Bearer ${bearer}` } })).status
    assert.equal(await status(token), 200)
    const [header] = token.split('.')
    const forged = [
      tampered(token, (claims) => ({ ...claims, sub: 'another' })),
      new UnsecuredJWT({ iss: guichet.issuer, aud: guichet.issuer, sub: 'another' }).setExpirationTime('1h').encode(),
      await new SignJWT({ iss: guichet.issuer, aud: guichet.issuer, sub: 'another' })
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: decodeProtectedHeader(token).kid })
        .setExpirationTime('1h').sign(Buffer.from(await (await fetch(jwksUri)).text())),
      idToken,
      `${header}.${token.split('.')[1]}.`,
      'nonsense',
    ]
    for (const one of forged) assert.equal(await status(one), 401, one)
  })

  test('an ID token is no access token', async () => {
    const { id_token: idToken } = await signIn()
    await assert.rejects(verify(idToken))
  })

  test('verifies old and new tokens across rotations, with the keys cached before and fetched after', async () => {
    const old = await signIn()
    await verify(old.access_token)
    let current = old
    const seen = new Set([decodeProtectedHeader(old.access_token).kid])
    for (let rotation = 0; rotation < 2; rotation += 1) {
      await guichet.cli(['keys', 'rotate'])
      // The running server takes up what the command line did; refreshing shows when.
      for (let tries = 0; tries < 100; tries += 1) {
        current = { ...(await application.refresh(current.refresh_token)) }
        if (!seen.has(decodeProtectedHeader(current.access_token).kid)) break
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      const { kid } = decodeProtectedHeader(current.access_token)
      assert.ok(!seen.has(kid), 'a token is signed with the new key within 10 seconds')
      seen.add(kid)
      await verify(current.access_token)
      await verify(old.access_token)
      const fresh = verifier()
      await fresh(current.access_token)
      await fresh(old.access_token)
    }
  })
})
