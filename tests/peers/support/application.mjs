// A relying application, made with openid-client: it knows the issuer, its client and nothing else.

import * as oidc from 'openid-client'

/** Where the browser returns to. Nothing listens there: the person stops at this address. */
export const REDIRECT_URI = 'http://127.0.0.1:9/callback'
export const SIGNED_OUT_URI = 'http://127.0.0.1:9/signed-out'

/** What every client here registers, beside what a test is about. */
export const REGISTRATION = { 'redirect-uri': REDIRECT_URI, 'post-logout-redirect-uri': SIGNED_OUT_URI }

export const SCOPE = 'openid profile email tenant roles offline_access'

export class Application {
  /** Discovers the issuer; `auth` is one of openid-client's ways to authenticate a client. */
  static async discover(issuer, clientId, auth = oidc.None(), metadata = {}) {
    const application = new Application()
    application.config = await oidc.discovery(new URL(issuer), clientId, metadata, auth, { execute: [oidc.allowInsecureRequests] })
    return application
  }

  /** A new authorization request: its address, and what the answer is checked against. */
  async begin(parameters = {}) {
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
    const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce(), idTokenExpected: true }
    const url = oidc.buildAuthorizationUrl(this.config, {
      redirect_uri: REDIRECT_URI,
      scope: SCOPE,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      ...parameters,
    })
    if (parameters.max_age !== undefined) checks.maxAge = Number(parameters.max_age)
    return { url, checks }
  }

  /** Redeems what came back; openid-client verifies `iss`, `state`, and the ID token with its nonce. */
  finish(back, checks) { return oidc.authorizationCodeGrant(this.config, back, checks) }

  /** A whole sign-in of `person`. */
  async signIn(person, parameters) {
    const { url, checks } = await this.begin(parameters)
    return this.finish(await person.return(url, REDIRECT_URI), checks)
  }

  /** Tries without any page (`prompt=none`). */
  silently(person) { return this.signIn(person, { prompt: 'none' }) }

  refresh(token, parameters) { return oidc.refreshTokenGrant(this.config, token, parameters) }

  userinfo(tokens) { return oidc.fetchUserInfo(this.config, tokens.access_token, tokens.claims().sub) }

  introspect(token) { return oidc.tokenIntrospection(this.config, token) }

  revoke(token, parameters) { return oidc.tokenRevocation(this.config, token, parameters) }

  /** The address that signs a person out here, and returns to the application. */
  endSession(tokens, parameters = {}) {
    return oidc.buildEndSessionUrl(this.config, {
      post_logout_redirect_uri: SIGNED_OUT_URI,
      ...(tokens && { id_token_hint: tokens.id_token }),
      ...parameters,
    })
  }
}

/** The OAuth error code of an error that openid-client threw. A 401 with a challenge is `invalid_client` (RFC 6749 §5.2). */
export function oauthError(error) {
  if (error.code === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE') return error.cause[0].parameters.error ?? 'invalid_client'
  return error.error ?? error.cause?.error ?? error.code
}
