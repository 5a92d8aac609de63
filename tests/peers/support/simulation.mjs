// A simulated upstream provider, run from the binary that GUICHET_BIN names, and a person at its pages.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import { parse } from 'node-html-parser'

import { freePort, needed } from './guichet.mjs'

export class Simulation {
  #process
  #errors = []

  /** Starts `guichet simulate <provider>` with these options (`{'client-id': …}`; `true` stands for a switch). */
  static async start(provider, options = {}) {
    const simulation = new Simulation()
    const words = Object.entries(options).flatMap(([name, value]) => value === true ? [`--${name}`] : [`--${name}`, value])
    const listen = `127.0.0.1:${await freePort()}`
    simulation.#process = spawn(needed('GUICHET_BIN'), ['simulate', provider, '--listen', listen, '--json', ...words],
      { env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'pipe'] })
    simulation.#process.stderr.on('data', (chunk) => simulation.#errors.push(chunk))
    const exit = once(simulation.#process, 'exit').then(([code]) => { throw new Error(`it ended with ${code}:\n${Buffer.concat(simulation.#errors)}`) })
    exit.catch(() => {})
    const [line] = await Promise.race([once(createInterface(simulation.#process.stdout), 'line'), exit])
    return Object.assign(simulation, JSON.parse(line))
  }

  async stop() {
    if (this.#process.exitCode !== null) return
    this.#process.kill('SIGTERM')
    await once(this.#process, 'exit')
  }

  /** Arms a failure (`token:hang`); without one, disarms all. */
  async fail(failure) {
    const body = new URLSearchParams(failure ? { failure } : {})
    const response = await fetch(`${this.url}/simulation/failure`, { method: 'POST', body })
    if (!response.ok) throw new Error(await response.text())
  }

  async calls() { return (await fetch(`${this.url}/simulation/calls`)).json() }
}

/** A browser at the simulation's pages: no script, one session cookie. */
export class Visitor {
  cookie = ''

  async #fetch(url, init = {}) {
    const headers = this.cookie ? { cookie: this.cookie } : {}
    const response = await fetch(url, { redirect: 'manual', headers, ...init })
    for (const line of response.headers.getSetCookie()) this.cookie = line.split(';')[0]
    return response
  }

  /** Opens the authorization request and chooses; gives the address that it leads back to. */
  async signIn(url, choice) {
    const first = await this.#fetch(url)
    if (first.status !== 200) return new URL(first.headers.get('location'), url)
    const form = parse(await first.text()).querySelector('form')
    const fields = new URLSearchParams(form.querySelectorAll('input[type=hidden]').map((field) => [field.getAttribute('name'), field.getAttribute('value')]))
    for (const [name, value] of Object.entries(choice)) fields.set(name, value)
    const action = new URL(form.getAttribute('action'), url)
    const chosen = await this.#fetch(action, { method: 'POST', body: fields })
    return this.wait(chosen.headers.get('location') ? new URL(chosen.headers.get('location'), action) : null, chosen)
  }

  /** Follows the page's refresh, as a browser does, until it leaves. */
  async wait(url, response) {
    for (let looks = 0; looks < 20; looks += 1) {
      const answer = url ? await this.#fetch(url) : response
      if (answer.status !== 200) return new URL(answer.headers.get('location'), url ?? answer.url)
      const refresh = parse(await answer.text()).querySelector('meta[http-equiv=refresh]').getAttribute('content')
      const [seconds, next] = refresh.split(/;url=(.*)/)
      await new Promise((resolve) => { setTimeout(resolve, Number(seconds) * 1000) })
      url = new URL(next.replaceAll('&amp;', '&'))
    }
    throw new Error('the wait does not end')
  }

  get = (url) => this.#fetch(url)
}
