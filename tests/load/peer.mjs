// The peer: npm oidc-provider with its memory adapter, set to do what Guichet does in the measured tasks.
//
//   node peer.mjs PORT
//
// Its own sign-in and consent pages take anybody; they run before the measured time.

import { generateKeyPairSync } from 'node:crypto'

import { Provider } from 'oidc-provider'

const port = Number(process.argv[2])
const key = (type, options, alg, kid) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), alg, kid, use: 'sig' })
const secret = (id) => `${id}-secret-of-the-load-test`

const application = (id, alg) => ({
  client_id: id, client_secret: secret(id), grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['http://127.0.0.1:9/callback'], response_types: ['code'], application_type: 'web', id_token_signed_response_alg: alg,
})

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { client_id: 'service', client_secret: secret('service'), grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    application('application', 'ES256'),
    application('application-rs256', 'RS256'),
  ],
  jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256', 'rsa'), key('ec', { namedCurve: 'P-256' }, 'ES256', 'ec'), key('ed25519', {}, 'EdDSA', 'ed')] },
  cookies: { keys: ['a key that signs the cookies of a load test'] },
  claims: { openid: ['sub'], email: ['email'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: 'person@example.org' }) }),
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'] },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  pkce: { required: () => true },
  ttl: { AccessToken: 1800, ClientCredentials: 1800, RefreshToken: 86400, Session: 86400, Grant: 86400, IdToken: 3600, Interaction: 3600 },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    // A JWT for whoever names a resource, signed with the algorithm in its name; without it, opaque.
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: '', audience: resource, accessTokenTTL: 1800, accessTokenFormat: 'jwt', jwt: { sign: { alg: resource.split(':').pop() } },
      }),
      useGrantedResource: () => false,
    },
  },
})
provider.on('server_error', (ctx, error) => console.error(error))
// Connections wait while the others of a task are made ready.
provider.listen(port, '127.0.0.1').keepAliveTimeout = 60_000
