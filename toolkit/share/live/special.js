// The incomplete gamma and beta functions, regularised, to some thirteen digits.
//
// Both are a mass (of Poisson's or the binomial distribution, in real numbers) times a series or a continued fraction.
// The masses are taken as C. Loader (2000), Fast and accurate computation of binomial probabilities: from distances to
// the mean instead of differences of large logarithms, so that they stay exact for millions.

const ENOUGH = 1e-16;
const TINY = 1e-300;
const HALF_LOG_2_PI = 0.9189385332046727;

/** Error of Stirling's formula for log Γ(n + 1). */
export function stirlingError(n) {
  if (n < 16) {
    // Γ from further up: a product of what lies between
    let product = 1;
    let above = n;
    while (above < 16) {
      above += 1;
      product *= above;
    }
    const logGamma = stirlingError(above) + (above + 0.5) * Math.log(above) - above - Math.log(product);
    return logGamma - (n + 0.5) * Math.log(n) + n;
  }
  const square = n * n;
  return (
    (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - 691 / 360360 / square) / square) / square) / square) / square) / n
  );
}

/** x log(x / mean) + mean - x, without a loss where both are close. */
export function deviance(x, mean) {
  if (x === 0) return mean;
  const difference = x - mean;
  if (Math.abs(difference) >= 0.1 * (x + mean)) return x * Math.log(x / mean) + mean - x;
  const v = difference / (x + mean);
  let sum = difference * v;
  let part = 2 * x * v;
  for (let j = 3; ; j += 2) {
    part *= v * v;
    const next = sum + part / j;
    if (next === sum) return sum;
    sum = next;
  }
}

/** Poisson's mass: mean^x e^-mean / Γ(x + 1). */
export function poissonMass(x, mean) {
  if (x === 0) return Math.exp(-mean);
  if (mean === 0) return 0;
  return Math.exp(-stirlingError(x) - deviance(x, mean) - HALF_LOG_2_PI - 0.5 * Math.log(x));
}

/** Binomial mass: Γ(x + y + 1) / Γ(x + 1) Γ(y + 1) p^x (1 - p)^y. */
export function binomialMass(x, y, p) {
  const n = x + y;
  if (x === 0) return Math.exp(n * Math.log1p(-p));
  if (y === 0) return p ** n;
  const errors = stirlingError(n) - stirlingError(x) - stirlingError(y);
  const distances = deviance(x, n * p) + deviance(y, n * (1 - p));
  return Math.exp(errors - distances - HALF_LOG_2_PI - 0.5 * (Math.log(x) + Math.log(y / n)));
}

/** Lower incomplete gamma function of a at x, from the mass x^a e^-x / Γ(a + 1). */
export function gammaOfMass(a, x, mass) {
  if (x <= 0) return 0;
  if (x < a + 1) {
    let sum = 1;
    let part = 1;
    for (let k = 1; part > sum * ENOUGH; k += 1) {
      part *= x / (a + k);
      sum += part;
    }
    return mass * sum;
  }
  // what lies above x, by Lentz's way with a continued fraction
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i < 10_000; i += 1) {
    const by = -i * (i - a);
    b += 2;
    d = 1 / kept(by * d + b);
    c = kept(b + by / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < ENOUGH * 2) break;
  }
  return 1 - mass * a * fraction;
}

/** Incomplete beta function of a and b at x, from the binomial mass of a among a + b. */
export function betaOfMass(a, b, x, mass) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  return x < (a + 1) / (a + b + 2)
    ? ((mass * b) / (a + b)) * betaFraction(a, b, x)
    : 1 - ((mass * a) / (a + b)) * betaFraction(b, a, 1 - x);
}

function betaFraction(a, b, x) {
  let c = 1;
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 10_000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < ENOUGH * 2) break;
  }
  return fraction;
}

function kept(value) {
  return Math.abs(value) < TINY ? TINY : value;
}

/** Regularised lower incomplete gamma function. */
export function gammainc(a, x) {
  return a === 0 ? 1 : gammaOfMass(a, x, x > 0 ? poissonMass(a, x) : 0);
}

/** Regularised incomplete beta function. */
export function betainc(a, b, x) {
  if (a === 0) return 1;
  if (b === 0) return 0;
  return betaOfMass(a, b, x, x > 0 && x < 1 ? binomialMass(a, b, x) : 0);
}
