// Intervals as toolkit/rates.py makes them: mid-P for what was counted, MOVER for shares of it.

import { betaOfMass, binomialMass, gammaOfMass, poissonMass } from './special.js';

const HALVINGS = 40;
const MANY = 1000;
const CLOSE = 1e-12; // a step of a secant so short ends within the last digit
const REMEMBERED = 100_000;

/** Chance of more than n, and half the chance of n, if there are `total` and each is recorded at `rate` (0: Poisson). */
export function chanceOfSoMany(n, rate, total) {
  if (rate === 0) {
    const mass = poissonMass(n, total);
    return gammaOfMass(n + 1, total, (mass * total) / (n + 1)) + mass / 2;
  }
  const rest = total - n;
  const mass = binomialMass(n, rest, rate);
  return (rest > 0 ? betaOfMass(n + 1, rest, rate, (mass * rate * (total + 1)) / (n + 1)) : 0) + mass / 2;
}

/** Total at which that chance is `tail`, as far as numbers go; a secant that never leaves what encloses the root. */
function root(n, rate, tail, guess, least, most) {
  const off = (total) => chanceOfSoMany(n, rate, total) - tail;
  let [low, high] = [least, most];
  if (off(low) >= 0) return low;
  let before = low;
  let offBefore = off(low);
  let now = guess > low && guess < high ? guess : (low + high) / 2;
  for (let step = 0; step < 100; step += 1) {
    const offNow = off(now);
    if (offNow === 0) return now;
    if (offNow > 0) high = now;
    else low = now;
    // a first step of a thousandth: the guess is that good, and the least total is far away
    const slope = step === 0 ? NaN : (offNow - offBefore) / (now - before);
    let next = step === 0 ? now * (offNow > 0 ? 0.999 : 1.001) : now - offNow / slope;
    if (!(next > low && next < high)) next = (low + high) / 2;
    [before, offBefore] = [now, offNow];
    if (Math.abs(next - now) <= CLOSE * now) return next;
    now = next;
  }
  return now;
}

/** The total as Python finds it: forty halvings of the same first guess, which ask only on which side the root lies. */
function halved(n, rate, per, tail, z, guess) {
  let low = rate > 0 ? n : 0;
  let high = (n + 2 * z * Math.sqrt(n + 1) + 2 * z * z + 10) / per;
  const at = root(n, rate, tail, guess, low, high);
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = (low + high) / 2;
    if (middle > at) high = middle;
    else low = middle;
  }
  return low;
}

/** Mid-P intervals at one level, each solved once. */
export class Intervals {
  constructor(level, z) {
    this.z = z;
    this.tails = [(1 - level) / 2, (1 + level) / 2];
    this.solved = new Map();
  }

  /** Both ends of the total of which n were recorded at a rate; of Poisson's mean at rate 0. */
  ends(n, rate) {
    if (rate >= 1) return [n, n];
    let ofRate = this.solved.get(rate);
    if (!ofRate || ofRate.size > REMEMBERED) this.solved.set(rate, (ofRate = new Map()));
    let found = ofRate.get(n);
    if (!found) ofRate.set(n, (found = [this.end(n, rate, 0), this.end(n, rate, 1)]));
    return found;
  }

  end(n, rate, side) {
    const z = side === 0 ? -this.z : this.z;
    const [per, lost] = rate > 0 ? [rate, 1 - rate] : [1, 1];
    const end = (n + z * Math.sqrt(n * lost) + lost / 2 + ((z * z - 1) / 6) * (1 + lost)) / per;
    return n < MANY ? halved(n, rate, per, this.tails[side], this.z, end) : end;
  }

  /** Interval of the units that there were. */
  total(n, rate, clump) {
    const [low, high] = this.ends(n / clump, rate);
    return [Math.max(clump * low, n), clump * high];
  }

  /** Interval of the units that such traffic gives on average. */
  mean(n, clump) {
    const [low, high] = this.ends(n / clump, 0);
    return [clump * low, clump * high];
  }
}

/** Interval of part / (part + rest), each given as a number with the ends of its interval. */
export function partInterval(part, rest, correlation) {
  const least = leastOdds(part, rest, correlation);
  const leastOfRest = leastOdds(rest, part, correlation);
  return [least / (1 + least), 1 / (1 + leastOfRest)];
}

function leastOdds([a, low], [b, , high], correlation) {
  if (!(a > 0)) return 0;
  const middle = a * b - correlation * (a - low) * (high - b);
  const lower = low * (2 * a - low);
  return lower / (middle + Math.sqrt(Math.max(middle ** 2 - lower * high * (2 * b - high), 0)));
}
