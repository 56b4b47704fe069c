/** How strongly the cells of a forgetting matrix are shaded: 1 is the best value of the matrix, 0 the worst. */

export type Matrix = (number | null)[][];

export function shades(matrix: Matrix, better: "lower" | "higher"): Matrix {
  const known = matrix.flat().filter((value) => value !== null);
  const least = Math.min(...known);
  const span = Math.max(...known) - least;
  return matrix.map((row) =>
    row.map((value) => {
      if (value === null) return null;
      if (span === 0) return 1;
      const share = (value - least) / span;
      return better === "higher" ? share : 1 - share;
    }),
  );
}
