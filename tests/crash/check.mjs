// After the restart: is all that was acknowledged there, and nothing that was ended alive again?

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { randomBytes } from 'node:crypto'

import { Person } from '../peers/support/person.mjs'
import { UNKNOWN } from './world.mjs'

const REDIRECT_URI = 'http://127.0.0.1:9/callback'
/** Families of earlier rounds that are looked at again, beside all of this one. */
const OLD_SAMPLE = 40
const CODE_REPLAYS = 10

/** Checks everything; what is wrong goes to the world's violations. Returns how many facts were checked. */
export async function check(world, round) {
  const recent = world.families.slice(round.firstFamily)
  const old = world.families.slice(0, round.firstFamily)
  const sample = [...recent, ...Array.from({ length: Math.min(OLD_SAMPLE, old.length) }, () => world.dice.one(old))]
  let facts = 0
  // Unknown acts first: a retry has to come within the grace that the server gives it.
  sample.sort((a, b) => Number(b.pending !== null) - Number(a.pending !== null))
  for (const family of new Set(sample)) facts += await checkFamily(world, family)
  facts += await checkCodesStayUsed(world, recent)
  facts += await checkBrowsers(world)
  facts += await checkCommands(world)
  return facts
}

const token = (world, form) => world.post(world.metadata.token_endpoint, form)
const refresh = (world, family) => token(world, { grant_type: 'refresh_token', refresh_token: family.refreshToken })
const redeem = (world, family) => token(world, {
  grant_type: 'authorization_code', code: family.code, redirect_uri: REDIRECT_URI, code_verifier: family.verifier,
})

const isRefused = (answer) => answer !== UNKNOWN && answer.status === 400 && answer.body.error === 'invalid_grant'

function succeed(world, family, answer) {
  family.pending = null
  family.state = 'live'
  family.refreshToken = answer.body.refresh_token
  return 1
}

function end(family) {
  family.pending = null
  family.state = 'revoked'
  return 1
}

async function checkFamily(world, family) {
  const was = `${family.state}${family.pending ? `, ${family.pending} unknown` : ''}`
  const wrong = (answer) => {
    world.violations.add(`a family (${was}) gave ${answer === UNKNOWN ? 'no answer' : `${answer.status} ${JSON.stringify(answer.body)}`}`)
    return end(family)
  }
  if (family.state === 'issued') {
    const answer = await redeem(world, family)
    if (answer.status === 200) return succeed(world, family, answer)
    // A redemption without an answer may have used the code up; a code in hand that nobody used has to work.
    return isRefused(answer) && family.pending === 'redeem' ? end(family) : wrong(answer)
  }
  const answer = await refresh(world, family)
  if (family.state === 'revoked') return isRefused(answer) ? 1 : wrong(answer)
  if (answer.status === 200) return succeed(world, family, answer)
  return isRefused(answer) && family.pending === 'revoke' ? end(family) : wrong(answer)
}

/** A code that gave tokens gives none again; trying ends its family (RFC 6749 §4.1.2). */
async function checkCodesStayUsed(world, recent) {
  const live = recent.filter((one) => one.state === 'live').slice(-CODE_REPLAYS)
  for (const family of live) {
    const again = await redeem(world, family)
    if (!isRefused(again)) world.violations.add(`a used code gave ${JSON.stringify(again.body ?? null)}`)
    const after = await refresh(world, family)
    if (!isRefused(after)) world.violations.add(`after a used code was offered again, its refresh token gave ${JSON.stringify(after.body ?? null)}`)
    end(family)
  }
  return live.length * 2
}

async function checkBrowsers(world) {
  let facts = 0
  for (const browser of world.browsers) {
    const answer = await world.silentCode(browser, randomBytes(32).toString('base64url'))
    const signedIn = Boolean(answer.code)
    const signedOut = answer.error === 'login_required'
    const fits = { in: signedIn, out: signedOut, leaving: signedIn || signedOut }[browser.state]
    if (!fits) world.violations.add(`a browser that was "${browser.state}" gave ${answer.code ? 'a code' : answer.error ?? String(answer)}`)
    facts += 1
    browser.state = signedIn ? 'in' : 'out'
  }
  // Those that are out were proved out once; keep a few to prove it again.
  const out = world.browsers.filter((one) => one.state === 'out').slice(-3)
  const spare = world.browsers.filter((one) => one.state === 'in' && one.spare).slice(-3)
  world.browsers = [...world.browsers.filter((one) => one.state === 'in' && !one.spare), ...spare, ...out]
  return facts
}

async function checkCommands(world) {
  const made = world.made.splice(0)
  for (const one of made) {
    if (one.kind === 'client') {
      const answer = await world.post(world.metadata.token_endpoint, { grant_type: 'client_credentials' }, one)
      if (answer.status !== 200) world.violations.add(`a client that was made gave ${answer.status} ${JSON.stringify(answer.body)}`)
    } else {
      const at = await new Person(one).visit(world.authorizationUrl(randomBytes(32).toString('base64url')), REDIRECT_URI)
      if (!at.url?.searchParams.get('code')) world.violations.add(`a user that was made cannot sign in: page ${at.page?.name}, ${at.page?.alert}`)
    }
  }
  return made.length
}

/** SQLite's own check, on a copy, while no server has the database open. */
export function checkIntegrity(guichet) {
  const data = guichet.env.GUICHET_DATA_DIR
  const database = path.join(data, 'guichet.db')
  if (!existsSync(database)) throw new Error(`no ${database}: where does the embedded database live?`)
  const copy = mkdtempSync(path.join(guichet.dir, 'copy-'))
  try {
    for (const suffix of ['', '-wal']) if (existsSync(database + suffix)) cpSync(database + suffix, path.join(copy, `guichet.db${suffix}`))
    const script = `import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(*[row[0] for row in db.execute("PRAGMA integrity_check")], *[f"foreign key: {row}" for row in db.execute("PRAGMA foreign_key_check")], sep="; ")`
    return execFileSync('python3', ['-c', script, path.join(copy, 'guichet.db')], { encoding: 'utf8' }).trim()
  } finally {
    rmSync(copy, { recursive: true })
  }
}
