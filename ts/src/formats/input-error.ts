/** What came from outside (a file, its config, a text) is not what its reader needs. The message reads `expected X, got Y`. */
export class InputError extends Error {
  readonly expected: string;
  readonly got: string;

  constructor(expected: string, got: string) {
    super(`expected ${expected}, got ${got}`);
    this.name = 'InputError';
    this.expected = expected;
    this.got = got;
  }
}

/** A value from a JSON file as an error message shows it, in at most 60 characters. */
export function showJson(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
