/**
 * The two ends of a program that runs in a runtime: how it learns its settings, and how its one result comes back.
 *
 * A program is a module that calls `report(main)`. It is told its settings as JSON, by the command line or by the
 * page's address, and hands back one JSON document, on standard output or as a POST to the server that the page came
 * from. Nothing here ends the process: that it ends by itself is one of the things under test.
 */

/** What Node, Deno and Bun have and browsers lack. */
interface CommandLine {
  readonly argv: readonly string[];
  getBuiltinModule?(name: string): unknown;
}

const commandLine = (globalThis as { process?: CommandLine }).process;

/** Runs `main` with the settings that the test chose, and reports what it resolves with. */
export async function report<S>(main: (settings: S) => unknown): Promise<void> {
  if (commandLine?.getBuiltinModule) {
    const result = await main(JSON.parse(commandLine.argv[2] ?? 'null') as S);
    console.log(JSON.stringify(result));
    return;
  }
  const settings = new URLSearchParams(globalThis.location.search).get('settings');
  try {
    const result = await main(JSON.parse(settings ?? 'null') as S);
    await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
  } catch (error) {
    const text = error instanceof Error ? `${String(error)}\n${error.stack ?? ''}` : String(error);
    await fetch('/error', { method: 'POST', body: text });
  }
}
