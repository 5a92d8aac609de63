// The clients: sign-ins, codes, refreshes, revocations, sign-outs and the command line, as a running service sees them.

import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { password } from '../peers/support/guichet.mjs'
import { Person } from '../peers/support/person.mjs'
import { Family } from './history.mjs'

const REDIRECT_URI = 'http://127.0.0.1:9/callback'
const PEOPLE = 6

/** An answer that never came. */
export const UNKNOWN = Symbol('unknown')

export class World {
  constructor(guichet, violations, dice) {
    Object.assign(this, { guichet, violations, dice })
    this.families = []
    /** Browsers: a person with a session; `state` is `in`, `leaving` (unknown) or `out`. */
    this.browsers = []
    /** What the command line made and acknowledged, to be proved after the crash. */
    this.made = []
    this.running = false
    this.counts = { codes: 0, refreshes: 0, revocations: 0, signOuts: 0, signIns: 0, commands: 0, unknown: 0 }
  }

  async populate() {
    const { guichet } = this
    this.tenant = await guichet.tenant('Clinique des Lilas', 'clinic')
    this.client = await guichet.client('Charge', {
      'redirect-uri': REDIRECT_URI, 'post-logout-redirect-uri': REDIRECT_URI, 'auth-method': 'client_secret_basic', 'first-party': true,
    })
    this.metadata = await (await fetch(`${guichet.issuer}/.well-known/openid-configuration`)).json()
    this.people = []
    for (let n = 0; n < PEOPLE; n += 1) {
      const user = await guichet.user(`person${n}@example.org`)
      await guichet.grant(user.email, this.tenant.code, 'nurse')
      this.people.push(user)
    }
    for (const user of this.people) await this.signIn(user)
  }

  // -- what applications and browsers do ------------------------------------------------------------------------------

  /** A POST with the client's authentication: `{status, body}`, or UNKNOWN when no whole answer came. */
  async post(endpoint, form, client = this.client) {
    const credentials = Buffer.from(`${encodeURIComponent(client.client_id)}:${encodeURIComponent(client.client_secret)}`).toString('base64')
    try {
      const answer = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(form), headers: { authorization: `Basic ${credentials}` } })
      return { status: answer.status, body: await answer.json() }
    } catch {
      this.counts.unknown += 1
      return UNKNOWN
    }
  }

  authorizationUrl(verifier, parameters = {}) {
    const url = new URL(this.metadata.authorization_endpoint)
    url.search = new URLSearchParams({
      client_id: this.client.client_id, redirect_uri: REDIRECT_URI, response_type: 'code', scope: 'openid offline_access tenant roles',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', state: 's', ...parameters,
    })
    return url
  }

  /** Signs `user` in at a fresh browser; the browser is remembered once the sign-in was acknowledged. */
  async signIn(user) {
    const person = new Person({ ...user })
    let back
    try {
      back = await person.return(this.authorizationUrl(randomBytes(32).toString('base64url')), REDIRECT_URI)
    } catch (error) {
      if (!lost(error)) this.violations.add(`sign-in of ${user.email}: ${error.message}`)
      return
    }
    if (!back.searchParams.get('code')) return this.violations.add(`sign-in of ${user.email} gave ${back.search}`)
    this.counts.signIns += 1
    this.browsers.push({ person, user, state: 'in' })
  }

  /** `{code, error}` from the session of a browser, or UNKNOWN, or a page as text. */
  async silentCode(browser, verifier) {
    try {
      const at = await browser.person.load(this.authorizationUrl(verifier, { prompt: 'none' }), REDIRECT_URI)
      if (!at.url) return `page ${at.page.name} with status ${at.page.status}`
      return { code: at.url.searchParams.get('code'), error: at.url.searchParams.get('error') }
    } catch (error) {
      if (!lost(error)) throw error
      this.counts.unknown += 1
      return UNKNOWN
    }
  }

  /** A code, most often redeemed at once; the family, where there is one. */
  async newFamily() {
    const browser = this.dice.one(this.browsers.filter((one) => one.state === 'in' && !one.spare))
    if (!browser) return null
    const verifier = randomBytes(32).toString('base64url')
    const answer = await this.silentCode(browser, verifier)
    if (answer === UNKNOWN) return null
    if (!answer.code) {
      this.violations.add(`a live session gave ${answer.error ?? answer}`)
      return null
    }
    this.counts.codes += 1
    const family = new Family(answer.code, verifier)
    this.families.push(family)
    if (this.dice.chance(0.8)) await this.redeem(family)
    return family
  }

  redeem(family) {
    return this.act(family, 'redeem', { grant_type: 'authorization_code', code: family.code, redirect_uri: REDIRECT_URI, code_verifier: family.verifier })
  }

  async refresh(family) {
    const done = await this.act(family, 'refresh', { grant_type: 'refresh_token', refresh_token: family.refreshToken })
    if (done) this.counts.refreshes += 1
  }

  /** A token request that has to succeed, or never be answered. */
  async act(family, pending, form) {
    family.pending = pending
    const answer = await this.post(this.metadata.token_endpoint, form)
    if (answer === UNKNOWN) return false
    family.pending = null
    if (answer.status !== 200) {
      family.state = 'revoked'
      this.violations.add(`${pending} gave ${answer.status} ${JSON.stringify(answer.body)}`)
      return false
    }
    family.state = 'live'
    family.refreshToken = answer.body.refresh_token
    return true
  }

  async revoke(family) {
    family.pending = 'revoke'
    const answer = await this.post(this.metadata.revocation_endpoint, { token: family.refreshToken })
    if (answer === UNKNOWN) return
    family.pending = null
    family.state = 'revoked'
    this.counts.revocations += 1
    if (answer.status !== 200) this.violations.add(`revocation gave ${answer.status}`)
  }

  /** Ends a browser's session on the confirmation page. Its families stay out of it: a session's end ends its grants. */
  async signOut() {
    const staying = this.browsers.filter((one) => one.state === 'in' && one.spare)
    const browser = this.dice.one(staying)
    if (!browser) return
    browser.state = 'leaving'
    try {
      const { page } = await browser.person.visit(new URL(this.metadata.end_session_endpoint), REDIRECT_URI)
      if (page?.name !== 'signed-out') return this.violations.add(`sign-out ended on page ${page?.name} (${page?.status})`)
      browser.state = 'out'
      this.counts.signOuts += 1
    } catch (error) {
      if (!lost(error)) throw error
      this.counts.unknown += 1
    }
  }

  /** A browser that takes no part in the rest, so that it can sign out. */
  async spareBrowser() {
    const before = this.browsers.length
    await this.signIn(this.dice.one(this.people))
    for (const browser of this.browsers.slice(before)) browser.spare = true
  }

  // -- what operators do ----------------------------------------------------------------------------------------------

  /** Runs the command line as a process that a crash can take along; UNKNOWN when it was killed. */
  command(args, stdin) {
    return new Promise((resolve) => {
      const { bin, config, env } = this.guichet
      const child = execFile(bin, ['--config', config, '--json', ...args], { env }, (error, stdout, stderr) => {
        this.commandProcess = null
        if (child.signalCode) return resolve(UNKNOWN)
        if (error) {
          this.violations.add(`guichet ${args.join(' ')}: exit code ${error.code}: ${stderr}`)
          return resolve(UNKNOWN)
        }
        this.counts.commands += 1
        resolve(JSON.parse(stdout))
      })
      this.commandProcess = child
      child.stdin.on('error', () => {})
      child.stdin.end(stdin ?? '')
    })
  }

  async operatorWrites() {
    const name = randomBytes(6).toString('hex')
    if (this.dice.chance(0.5)) {
      const user = { email: `${name}@example.org`, password: password() }
      const answer = await this.command(['user', 'create', '--email', user.email, '--first-name', 'A', '--last-name', 'B', '--password-stdin'], `${user.password}\n`)
      if (answer !== UNKNOWN) this.made.push({ kind: 'user', ...user })
    } else {
      const answer = await this.command(['client', 'create', '--name', name, '--grant-type', 'client_credentials', '--auth-method', 'client_secret_basic'])
      if (answer !== UNKNOWN) this.made.push({ kind: 'client', ...answer })
    }
  }

  // -- the load -------------------------------------------------------------------------------------------------------

  /** Starts the load; it goes on until `stop`. */
  start() {
    this.running = true
    // The pause keeps a lane from spinning between the crash and `stop`.
    const loop = async (pause, step) => {
      while (this.running) {
        await step()
        await sleep(pause)
      }
    }
    const lane = () => {
      const own = []
      return loop(2, async () => {
        const live = own.filter((one) => one.state === 'live' && one.pending === null)
        if (live.length < 3 || this.dice.chance(0.2)) {
          const family = await this.newFamily()
          if (family) own.push(family)
        } else if (this.dice.chance(0.1)) {
          await this.revoke(this.dice.one(live))
        } else {
          await this.refresh(this.dice.one(live))
        }
      })
    }
    this.lanes = [
      ...Array.from({ length: 8 }, lane),
      loop(50, () => this.operatorWrites()),
      loop(50, async () => { await this.spareBrowser(); await this.signOut() }),
    ]
  }

  /** Ends the load at the moment of the crash; the processes of operators die with it now and then. */
  async stop() {
    this.running = false
    if (this.dice.chance(0.5)) this.commandProcess?.kill('SIGKILL')
    await Promise.all(this.lanes)
  }
}

/** Whether an error means that the connection was lost, and not that an answer was wrong. */
function lost(error) {
  return error instanceof TypeError && ['fetch failed', 'terminated'].includes(error.message)
}
