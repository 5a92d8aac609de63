// `guichet demo` says what it made, and what it says is true.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'

import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { CookieJar } from 'tough-cookie'

import { Application } from './support/application.mjs'
import { freePort, needed } from './support/guichet.mjs'
import { Person } from './support/person.mjs'

let child, dir, demo
const errors = []

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'guichet-demo-'))
  const listen = `127.0.0.1:${await freePort()}`
  child = spawn(needed('GUICHET_BIN'), ['demo', '--data-dir', path.join(dir, 'data'), '--listen', listen, '--json'],
    { env: { PATH: process.env.PATH, HOME: dir }, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stderr.on('data', (chunk) => errors.push(chunk))
  const exit = once(child, 'exit').then(([code]) => { throw new Error(`the demo ended with ${code}:\n${Buffer.concat(errors)}`) })
  exit.catch(() => {})
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), exit])
  demo = JSON.parse(line)
  assert.equal(demo.issuer, `http://${listen}`)
})
after(async () => {
  if (child?.exitCode === null) {
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0, Buffer.concat(errors).toString())
  }
  rmSync(dir, { recursive: true, force: true })
})

test('every user of the demo signs in at every client of the demo', async () => {
  assert.ok(demo.users.length > 0 && demo.clients.length > 0)
  const clients = demo.clients.filter((client) => client.redirect_uris.length > 0)
  assert.ok(clients.length > 0)
  for (const client of clients) {
    const auth = client.client_secret ? oidc.ClientSecretBasic(client.client_secret) : oidc.None()
    const application = await Application.discover(demo.issuer, client.client_id, auth)
    const [redirectUri] = client.redirect_uris
    for (const user of demo.users) {
      const [tenant] = user.tenants
      const person = new Person({ ...user, tenant: tenant?.code })
      const { url, checks } = await application.begin({ redirect_uri: redirectUri, scope: 'openid email tenant roles' })
      const tokens = await application.finish(await person.return(url, redirectUri), checks)
      assert.equal((await application.userinfo(tokens)).email, user.email)
      const claims = decodeJwt(tokens.access_token)
      assert.equal(claims.tenant?.code, tenant?.code)
      assert.deepEqual([...(claims.roles ?? [])].sort(), [...(tenant?.roles ?? [])].sort())
    }
  }
})

test('every page that the demo names is there', async () => {
  for (const [name, url] of Object.entries(demo.pages ?? {})) {
    const { page } = await new Person().load(new URL(url, demo.issuer))
    assert.ok(page.status < 400, `${name} at ${url}: ${page.status}`)
  }
})

test('the simulated providers are there, and the sign-in page leads to them', async () => {
  assert.deepEqual(demo.simulations.map((simulation) => simulation.name), ['pro_sante_connect'])
  for (const { name, issuer, discovery_url: document, client_id: clientId } of demo.simulations) {
    assert.equal((await (await fetch(document)).json()).issuer, issuer)
    const begun = await fetch(`${demo.issuer}/sign-in/${name}`, { redirect: 'manual' })
    const there = new URL(begun.headers.get('location'))
    assert.equal(there.searchParams.get('client_id'), clientId)
    assert.match(await (await fetch(there)).text(), /SIMULATION – aucun lien avec Pro Santé Connect/)
  }
})

test('a professional signs in there, and a session that ends there ends here', async () => {
  const jar = new CookieJar()
  const open = async (url) => {
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie: await jar.getCookieString(String(url)) } })
    for (const line of answer.headers.getSetCookie()) await jar.setCookie(line, String(url))
    return answer
  }
  const next = (answer, from) => new URL(answer.headers.get('location'), from)
  const [psc] = demo.simulations
  assert.match(await (await fetch(psc.phone)).text(), /data-page="simulation-phone"/)
  const there = next(await open(`${demo.issuer}/sign-in/${psc.name}`), demo.issuer)
  there.searchParams.set('simulate_person', 'medecin')
  let at = next(await open(there), there)
  for (let steps = 0; steps < 5; steps += 1) {
    const answer = await open(at)
    if (!answer.headers.get('location')) break
    at = next(answer, at)
  }
  assert.equal(at.pathname, '/account')
  assert.match(await (await open(at)).text(), /EXEMPLEDOC0012345/)
  const { told } = await (await fetch(`${psc.url}/simulation/back-channel-logout`, { method: 'POST' })).json()
  assert.deepEqual(told.map((one) => one.status), [200])
  assert.doesNotMatch(await (await open(at)).text(), /EXEMPLEDOC0012345/)
})
