// kill -9 under load: nothing that was acknowledged is lost, nothing that was used or ended comes back.
//
//   GUICHET_BIN=… GUICHET_PEERS_STORAGE=sqlite|postgres node tests/crash/main.mjs
//
// A round: load from 8 lanes (codes, refreshes, revocations), browsers that sign in and out, and the command line; SIGKILL to
// the server after a random time, now and then to the command line too; on SQLite an integrity check of a copy; restart on the
// same data; every acknowledged fact is proved at the server. `history.mjs` says what counts as acknowledged.
//
// On SQLite one round more loses writes on purpose, by putting an older copy of the data back. The checks have to notice:
// a check that cannot fail proves nothing.

import { cpSync, rmSync } from 'node:fs'
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { Guichet } from '../peers/support/guichet.mjs'
import { check, checkIntegrity } from './check.mjs'
import { random, Violations } from './history.mjs'
import { World } from './world.mjs'

const KILLS = Number(process.env.GUICHET_CRASH_KILLS ?? 20)
const SEED = Number(process.env.GUICHET_CRASH_SEED ?? randomInt(2 ** 31))
/** The moment of the kill, in milliseconds after the load began. */
const EARLIEST = 50
const LATEST = 2_000
/** Longest time from the restart to ready, in milliseconds; the report shows what it was. */
const READY_LIMIT = 5_000

const dice = random(SEED)
const violations = new Violations()
const guichet = await Guichet.prepare({ name: 'crash' })
const onSqlite = guichet.storage === 'sqlite'
console.log(`crash: ${KILLS} kills on ${guichet.storage}, GUICHET_CRASH_SEED=${SEED}`)

let passed = 0
let failed = 0
const ready = []

try {
  await guichet.serve()
  const world = new World(guichet, violations, dice)
  await world.populate()
  report('populate', violations.take())
  for (let n = 1; n <= KILLS; n += 1) await round(world, `kill ${n}`)
  if (onSqlite) await roundWithLoss(world)
  const how = await guichet.terminate()
  conclude(how === 0, `SIGTERM at the end: ${how}`)
  ready.sort((a, b) => a - b)
  console.log(`crash: ready after ${ready[Math.floor(ready.length / 2)]} ms (median), ${ready.at(-1)} ms (longest)`)
  console.log(`crash: ${Object.entries(world.counts).map(([name, count]) => `${count} ${name}`).join(', ')}`)
} finally {
  await guichet.kill()
  if (failed > 0) {
    const kept = fileURLToPath(new URL(`../../.test/crash-${guichet.storage}`, import.meta.url))
    rmSync(kept, { recursive: true, force: true })
    cpSync(guichet.dir, kept, { recursive: true })
    console.log(`crash: the data is kept in ${kept}, the server's log in ${guichet.logFile}`)
  }
  rmSync(guichet.dir, { recursive: true, force: true })
}
console.log(`crash: ${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

/** Load, and a kill in the middle of it. */
async function loadAndKill(world) {
  const moment = dice.between(EARLIEST, LATEST)
  const marks = { firstFamily: world.families.length, moment }
  world.start()
  await sleep(moment)
  await guichet.kill()
  await world.stop()
  return marks
}

async function round(world, name) {
  const marks = await loadAndKill(world)
  if (onSqlite) {
    const verdict = checkIntegrity(guichet)
    if (verdict !== 'ok') violations.add(`integrity check: ${verdict}`)
  }
  const took = await guichet.serve()
  ready.push(took)
  if (took > READY_LIMIT) violations.add(`ready only after ${took} ms`)
  const facts = await check(world, marks)
  report(`${name} after ${marks.moment} ms: ready in ${took} ms, ${facts} facts`, violations.take())
}

/** A round in which what happened since its beginning is lost. */
async function roundWithLoss(world) {
  const data = guichet.env.GUICHET_DATA_DIR
  await guichet.terminate()
  cpSync(data, `${data}.before`, { recursive: true })
  await guichet.serve()
  const marks = { firstFamily: world.families.length }
  world.start()
  await sleep(LATEST)
  await guichet.kill()
  await world.stop()
  rmSync(data, { recursive: true })
  cpSync(`${data}.before`, data, { recursive: true })
  await guichet.serve()
  violations.take()
  await check(world, marks)
  const noticed = violations.take().length
  conclude(noticed > 0, `a loss on purpose is noticed (${noticed} violations)`)
}

function report(name, found) {
  conclude(found.length === 0, name)
  for (const one of found.slice(0, 10)) console.log(`    ${one}`)
  if (found.length > 10) console.log(`    and ${found.length - 10} more`)
}

function conclude(good, name) {
  if (good) passed += 1
  else failed += 1
  console.log(`${good ? 'ok    ' : 'FAILED'} ${name}`)
}
