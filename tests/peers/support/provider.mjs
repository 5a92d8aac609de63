// An OpenID provider that nobody here wrote (oidc-provider), in this process, with people who sign in without a page.

import { once } from 'node:events'
import { createServer } from 'node:http'

import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'

import { freePort } from './guichet.mjs'

/** What lets clients register themselves. */
export const INITIAL_TOKEN = 'initial-access-token-of-the-peer'

export class OpenIdProvider {
  /** Who signs in next, by the account's name; null: whoever it is says no. */
  person = 'ann'
  /** Claims by account, beside those that are made of the name. */
  accounts = {}
  /** Logouts that could not be told to somebody. */
  troubles = []
  /** Clients that registered themselves, and those that went again. */
  registered = []
  deleted = []
  /** What was asked of the authorization endpoint, the last one last. */
  asked = []

  /** Starts one for these clients: `[{ client_id, client_secret, redirect_uris, … }]`. */
  static async start(clients) {
    const op = new OpenIdProvider()
    const port = await freePort()
    op.issuer = `http://127.0.0.1:${port}`
    const { privateKey } = await generateKeyPair('RS256', { extractable: true })
    const provider = new Provider(op.issuer, {
      clients,
      jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'peer' }] },
      cookies: { keys: ['only for tests'] },
      claims: { openid: ['sub'], profile: ['given_name', 'family_name', 'name'], email: ['email', 'email_verified'] },
      // It calls no private address by itself, and here everybody has one.
      fetch: (url, { method, headers, body }) => fetch(url, { method, headers, body, signal: AbortSignal.timeout(2500) }),
      pkce: { required: () => true },
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      enabledJWA: {
        requestObjectSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      },
      features: {
        devInteractions: { enabled: false },
        jwtUserinfo: { enabled: true },
        backchannelLogout: { enabled: true },
        rpInitiatedLogout: { enabled: true },
        registration: { enabled: true, initialAccessToken: INITIAL_TOKEN },
        registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
        requestObjects: { enabled: true },
      },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      findAccount: (_, id) => ({ accountId: id, claims: () => op.claims(id) }),
      async loadExistingGrant(ctx) {
        const { client, session } = ctx.oidc
        const known = session.grantIdFor(client.clientId)
        if (known) return provider.Grant.find(known)
        const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
        grant.addOIDCScope('openid profile email')
        await grant.save()
        return grant
      },
    })
    provider.on('registration_create.success', (ctx, client) => op.registered.push(client.metadata()))
    provider.on('registration_delete.success', (ctx, client) => op.deleted.push(client.clientId))
    op.provider = provider
    provider.on('backchannel.error', (_, error) => op.troubles.push(error.message))
    const answer = provider.callback()
    op.server = createServer((request, response) => {
      const url = new URL(request.url, op.issuer)
      if (url.pathname === '/auth') op.asked.push(Object.fromEntries(url.searchParams))
      if (!url.pathname.startsWith('/interaction/')) return answer(request, response)
      const said = op.person === null
        ? { error: 'access_denied', error_description: 'the person said no' }
        : { login: { accountId: op.person } }
      return provider.interactionFinished(request, response, said, { mergeWithLastSubmission: false })
        .catch((error) => { response.statusCode = 500; response.end(String(error)) })
    }).listen(port, '127.0.0.1')
    await once(op.server, 'listening')
    return op
  }

  claims(id) {
    const own = { given_name: id, family_name: 'Peer', email: `${id}@peer.example`, email_verified: true }
    return { sub: id, ...own, ...this.accounts[id] }
  }

  async stop() {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }
}
