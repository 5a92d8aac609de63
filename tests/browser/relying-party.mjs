// A small web application that signs its visitors in through Guichet: openid-client behind node's http server.

import { createServer } from 'node:http'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'

import * as oidc from 'openid-client'

const SCOPE = 'openid profile email tenant roles'

const escape = (text) => String(text).replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)

const page = (name, title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<link rel="icon" href="data:,"><main data-page="application-${name}"><h1>${escape(title)}</h1>${body}</main></html>`

export class RelyingParty {
  /** Listens on a free port; `configure` has to follow before the first visitor. */
  static async listen() {
    const party = new RelyingParty()
    party.visitors = new Map()
    party.signedOut = []
    party.server = createServer((request, response) => {
      party.answer(new URL(request.url, party.origin), request, response).catch((error) => {
        send(response, 500, page('error', 'Error', `<pre>${escape(error.stack)}\n${escape(JSON.stringify(error.cause ?? {}))}</pre>`))
      })
    }).listen(0, '127.0.0.1')
    await once(party.server, 'listening')
    party.origin = `http://127.0.0.1:${party.server.address().port}`
    return party
  }

  get redirectUri() { return `${this.origin}/callback` }

  get signedOutUri() { return `${this.origin}/signed-out` }

  async configure(issuer, client) {
    this.config = await oidc.discovery(new URL(issuer), client.client_id, {}, oidc.ClientSecretBasic(client.client_secret),
      { execute: [oidc.allowInsecureRequests] })
  }

  close() {
    this.server.closeAllConnections()
    this.server.close()
  }

  /** The visitor's own state, by cookie. */
  visitor(request, response) {
    const known = /(?:^|; )visitor=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]
    if (known && this.visitors.has(known)) return this.visitors.get(known)
    const fresh = randomBytes(16).toString('base64url')
    this.visitors.set(fresh, {})
    response.setHeader('set-cookie', `visitor=${fresh}; Path=/; HttpOnly; SameSite=Lax`)
    return this.visitors.get(fresh)
  }

  async answer(url, request, response) {
    const visitor = this.visitor(request, response)
    switch (url.pathname) {
      case '/': {
        if (!visitor.tokens) return send(response, 200, page('welcome', 'Welcome', '<a href="/sign-in">Sign in</a>'))
        const { tenant_id: id, tenant, roles } = visitor.userinfo
        const facts = { email: visitor.userinfo.email, tenant: tenant?.code, tenant_id: id, roles: (roles ?? []).join(' ') }
        const list = Object.entries(facts).map(([name, value]) => `<dt>${name}</dt><dd id="${name}">${escape(value)}</dd>`).join('')
        const tell = '<script>if (opener) { opener.postMessage("signed in", location.origin); close() }</script>'
        return send(response, 200, page('signed-in', 'Signed in', `<dl>${list}</dl><a href="/sign-out">Sign out</a>${tell}`))
      }
      case '/window': {
        // The way of single-page applications: the sign-in has a window of its own, which tells this one of its end.
        const script = `addEventListener('message', ({ data, origin }) => {
            if (origin === location.origin) document.querySelector('#state').textContent = data
          })
          document.querySelector('button').addEventListener('click', () => open('/sign-in?display=popup', 'sign-in', 'popup,width=420,height=640'))`
        return send(response, 200, page('window', 'Welcome', `<button>Sign in</button><p id="state"></p><script>${script}</script>`))
      }
      case '/sign-in': {
        visitor.checks = { pkceCodeVerifier: oidc.randomPKCECodeVerifier(), expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce(), idTokenExpected: true }
        return redirect(response, oidc.buildAuthorizationUrl(this.config, {
          redirect_uri: this.redirectUri,
          scope: SCOPE,
          state: visitor.checks.expectedState,
          nonce: visitor.checks.expectedNonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(visitor.checks.pkceCodeVerifier),
          code_challenge_method: 'S256',
          ...Object.fromEntries(url.searchParams),
        }))
      }
      case '/callback': {
        const refused = url.searchParams.get('error')
        if (refused) return send(response, 200, page('refused', 'Refused', `<p id="error">${escape(refused)}</p>`))
        const input = request.method === 'POST'
          ? new Request(url, { method: 'POST', body: await body(request), headers: { 'content-type': request.headers['content-type'] } })
          : url
        visitor.tokens = await oidc.authorizationCodeGrant(this.config, input, visitor.checks)
        visitor.sessionState = url.searchParams.get('session_state')
        visitor.userinfo = await oidc.fetchUserInfo(this.config, visitor.tokens.access_token, visitor.tokens.claims().sub)
        return redirect(response, '/')
      }
      case '/watch': {
        // OpenID Connect Session Management 1.0 §4.1: ask Guichet's frame whether anybody signed in or out since.
        const frame = this.config.serverMetadata().check_session_iframe
        const message = url.searchParams.get('message') ?? `${this.config.clientMetadata().client_id} ${visitor.sessionState}`
        const script = `const frame = document.querySelector('iframe')
          addEventListener('message', ({ data, origin }) => {
            if (origin === new URL(frame.src).origin) document.querySelector('#state').textContent = data
          })
          frame.addEventListener('load', () => frame.contentWindow.postMessage(${JSON.stringify(message)}, new URL(frame.src).origin))`
        return send(response, 200, page('watching', 'Watching',
          `<p id="state"></p><iframe title="Session" src="${escape(frame)}"></iframe><script>${script}</script>`))
      }
      case '/out':
        this.signedOut.push(url.search)
        return send(response, 200, page('frame', 'Signed out', ''))
      case '/sign-out': {
        const hint = visitor.tokens?.id_token
        visitor.tokens = undefined
        return redirect(response, oidc.buildEndSessionUrl(this.config, {
          post_logout_redirect_uri: this.signedOutUri, ...(hint && { id_token_hint: hint }), ...Object.fromEntries(url.searchParams),
        }))
      }
      case '/signed-out':
        return send(response, 200, page('signed-out', 'Signed out', '<a href="/">Start again</a>'))
      default:
        return send(response, 404, page('missing', 'Not found', ''))
    }
  }
}

function send(response, status, html) {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(html)
}

function redirect(response, to) {
  response.writeHead(303, { location: String(to) }).end()
}

async function body(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}
