// What the clients were told, and what has to be true of it after a crash.
//
// Every act is noted before it is sent and concluded when its answer is there. An act without an answer is *unknown*: it
// may have happened or not, and both are right. What was answered is *acknowledged*, and has to be there for good.

/** One family of refresh tokens, from its code on. Acts on one family never overlap. */
export class Family {
  constructor(code, verifier) {
    this.code = code
    this.verifier = verifier
    /** `issued` (code in hand) → `live` (refresh token in hand) → `revoked` */
    this.state = 'issued'
    /** The act that is under way: `redeem`, `refresh`, `revoke`. */
    this.pending = null
    this.refreshToken = null
  }
}

/** A violation of what was promised. */
export class Violations {
  #found = []

  add(what) { this.#found.push(what) }

  /** Takes all that was found since the last time. */
  take() { return this.#found.splice(0) }
}

/** Repeatable randomness (mulberry32). */
export function random(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    one: (list) => list[Math.floor(next() * list.length)],
    chance: (share) => next() < share,
  }
}
