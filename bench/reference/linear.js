/** Linear equations by elimination with the largest pivot of each column. */

/**
 * @param {number[][]} rows of a square matrix, each with its right-hand side at the end; they are overwritten
 * @returns {number[]}
 */
export function solveLinear(rows) {
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r][i]) > Math.abs(rows[pivot][i])) pivot = r;
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    for (let r = i + 1; r < n; r++) {
      const factor = rows[r][i] / rows[i][i];
      if (factor === 0) continue;
      for (let c = i; c <= n; c++) rows[r][c] -= factor * rows[i][c];
    }
  }
  const solution = Array(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let rest = rows[i][n];
    for (let c = i + 1; c < n; c++) rest -= rows[i][c] * solution[c];
    solution[i] = rest / rows[i][i];
  }
  return solution;
}
