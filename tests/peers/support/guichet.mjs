// A Guichet to test: its own data, its own free ports, run from the binary that GUICHET_BIN names.
//
// GUICHET_PEERS_STORAGE chooses where it keeps its data: `sqlite` (default), or `postgres`, which takes a fresh database
// on GUICHET_TEST_DATABASE_URL and a database number of its own on GUICHET_TEST_REDIS_URL.

import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { randomBytes, randomInt } from 'node:crypto'

const run = promisify(execFile)
const logs = fileURLToPath(new URL('../../../.test/logs/', import.meta.url))

/** How long a start may take before it counts as failed, in milliseconds. */
const START_LIMIT = 30_000

/** A variable of the environment that has to be there; `hint` says how it comes to be. */
export function needed(name, hint = 'run the tests through tests/run') {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: ${hint}`)
  return value
}

/** A TCP port of the loopback address that nobody holds at this moment. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** A password that no block list holds. */
export const password = () => `Aa1-${randomBytes(12).toString('base64url')}`

function storage(kind) {
  if (kind === 'sqlite') return {}
  if (kind !== 'postgres') throw new Error(`GUICHET_PEERS_STORAGE is ${kind}; it can be sqlite or postgres`)
  const admin = new URL(needed('GUICHET_TEST_DATABASE_URL'))
  const name = `guichet_${randomBytes(6).toString('hex')}`
  execFileSync(process.env.GUICHET_TEST_PSQL ?? 'psql', ['-q', '-X', admin.href, '-c', `CREATE DATABASE ${name}`])
  const database = new URL(admin)
  database.pathname = `/${name}`
  const redis = new URL(needed('GUICHET_TEST_REDIS_URL'))
  redis.pathname = `/${randomInt(1, 4096)}`
  return { GUICHET_DATABASE_URL: database.href, GUICHET_REDIS_URL: redis.href }
}

export class Guichet {
  #process
  #log

  /**
   * Prepares one, without starting it.
   * @param {object} [options]
   * @param {string} [options.name] for the log's name
   * @param {Record<string, string>} [options.env] settings that differ from the product's
   */
  static async prepare({ name = 'guichet', env = {} } = {}) {
    const guichet = new Guichet()
    guichet.bin = needed('GUICHET_BIN', 'it names the binary under test; tests/run sets it')
    guichet.storage = process.env.GUICHET_PEERS_STORAGE ?? 'sqlite'
    guichet.dir = mkdtempSync(path.join(tmpdir(), 'guichet-peer-'))
    const port = await freePort()
    guichet.issuer = `http://127.0.0.1:${port}`
    guichet.config = path.join(guichet.dir, 'guichet.toml')
    writeFileSync(guichet.config, '# All settings come from the environment.\n')
    guichet.env = {
      PATH: process.env.PATH,
      HOME: guichet.dir,
      GUICHET_ISSUER: guichet.issuer,
      GUICHET_LISTEN: `127.0.0.1:${port}`,
      GUICHET_METRICS__LISTEN: `127.0.0.1:${await freePort()}`,
      GUICHET_DATA_DIR: path.join(guichet.dir, 'data'),
      // Here one person signs in more often in a minute than people do.
      GUICHET_RATE_LIMITS__LOGIN: 'off',
      ...storage(guichet.storage),
      ...env,
    }
    mkdirSync(logs, { recursive: true })
    guichet.logFile = path.join(logs, `server-${name}-${guichet.storage}.log`)
    guichet.#log = createWriteStream(guichet.logFile)
    return guichet
  }

  /** Prepares one and starts it. */
  static async start(options) {
    const guichet = await Guichet.prepare(options)
    await guichet.serve()
    return guichet
  }

  /** Starts the server; returns how many milliseconds it took until it was ready. */
  async serve() {
    const began = performance.now()
    this.#process = spawn(this.bin, ['--config', this.config, 'serve'], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process.stdout.pipe(this.#log, { end: false })
    this.#process.stderr.pipe(this.#log, { end: false })
    let ended
    this.#process.once('exit', (code, signal) => { ended = signal ?? `exit code ${code}` })
    this.#process.once('error', (error) => { ended = error.message })
    while (!(await this.ready())) {
      if (ended !== undefined) throw new Error(`the server ended at its start (${ended}); see ${this.logFile}`)
      if (performance.now() - began > START_LIMIT) {
        await this.kill()
        throw new Error(`the server is not ready after ${START_LIMIT} ms; see ${this.logFile}`)
      }
      await sleep(10)
    }
    return Math.round(performance.now() - began)
  }

  async ready() {
    try {
      const answer = await fetch(`${this.issuer}/readyz`)
      await answer.arrayBuffer()
      return answer.status === 200
    } catch {
      return false
    }
  }

  /** Ends the server with `signal` and waits until it is gone; returns how it went. */
  async end(signal) {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.signalCode ?? child?.exitCode
    child.kill(signal)
    const [code, by] = await once(child, 'exit')
    return by ?? code
  }

  /** As an operator stops it. */
  terminate() { return this.end('SIGTERM') }

  /** As a crash stops it. */
  kill() { return this.end('SIGKILL') }

  /** Stops it and removes its data. */
  async stop() {
    const how = await this.terminate()
    this.#log.end()
    rmSync(this.dir, { recursive: true, force: true })
    if (how !== 0 && how !== undefined) throw new Error(`the server ended with ${how} on SIGTERM; see ${this.logFile}`)
  }

  /** Runs a command of the command line with `--json` and returns its answer. */
  async cli(args, { stdin } = {}) {
    const child = run(this.bin, ['--config', this.config, '--json', ...args], { env: this.env, timeout: START_LIMIT })
    child.child.stdin.on('error', () => {}) // it may end without reading
    child.child.stdin.end(stdin ?? '')
    try {
      const { stdout } = await child
      return stdout.trim() === '' ? null : JSON.parse(stdout)
    } catch (error) {
      throw new Error(`guichet ${args.join(' ')}: ${error.message}\n${error.stderr ?? ''}${error.stdout ?? ''}`)
    }
  }

  tenant(name, kind) { return this.cli(['tenant', 'create', '--name', name, '--kind', kind]) }

  /** A user with a password; returns what the command printed, with the password. */
  async user(email, { firstName = 'Camille', lastName = 'Martin', rpps } = {}) {
    const secret = password()
    const args = ['user', 'create', '--email', email, '--first-name', firstName, '--last-name', lastName, '--password-stdin']
    if (rpps) args.push('--rpps', rpps)
    return { ...(await this.cli(args, { stdin: `${secret}\n` })), email, password: secret }
  }

  grant(email, code, role) { return this.cli(['user', 'grant', '--user', email, '--tenant', code, '--role', role]) }

  /** A client; `options` are the long options of `client create`, a list where one repeats, `true` for a flag. */
  client(name, options) {
    const args = ['client', 'create', '--name', name]
    for (const [option, value] of Object.entries(options)) {
      for (const one of Array.isArray(value) ? value : [value]) args.push(`--${option}`, ...(one === true ? [] : [String(one)]))
    }
    return this.cli(args)
  }

  /** Two establishments, and two people: one works in both, one in the first only. */
  async populate() {
    const pharmacy = await this.tenant('Pharmacie du Marché', 'pharmacy')
    const clinic = await this.tenant('Clinique des Lilas', 'clinic')
    const both = await this.user('camille.martin@example.org')
    const one = await this.user('alex.durand@example.org', { firstName: 'Alex', lastName: 'Durand' })
    await this.grant(both.email, pharmacy.code, 'titulaire')
    await this.grant(both.email, clinic.code, 'doctor')
    await this.grant(both.email, clinic.code, 'admin')
    await this.grant(one.email, pharmacy.code, 'adjoint')
    return { pharmacy, clinic, both, one }
  }
}
