/**
 * The package as its users get it: packed, installed into an empty project, type-checked, imported, bundled. Nothing
 * here looks into ts/src.
 */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MODULES } from '../../../scripts/kernels/families.js';

const execute = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const bin = (name: string): string => join(ROOT, 'node_modules', '.bin', name);

let project: string;
let tarball: string;
let packedFiles: string[];

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'entmax-package-'));
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', project];
  const { stdout } = await execute('npm', pack, { cwd: ROOT });
  const report = JSON.parse(stdout) as unknown;
  const [entry] = Array.isArray(report) ? report : Object.values(report as object);
  const { filename, files } = entry as { filename: string; files: { path: string }[] };
  tarball = join(project, filename);
  packedFiles = files.map(({ path }) => path).sort();
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }));
  await execute('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: project });
});

afterAll(() => rm(project, { recursive: true, force: true }));

describe('the packed package', () => {
  test('contains the library, the command and the documents, and neither a model nor sources', () => {
    expect(packedFiles.filter((path) => !path.startsWith('dist/'))).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'NOTICE',
      'README.md',
      'package.json',
    ]);
    const kernels = MODULES.flatMap((name) => [`${name}.wasm`, `${name}.shared.wasm`]);
    expect(packedFiles.filter((path) => path.startsWith('dist/'))).toEqual(
      [
        'attention-page.html',
        'attention.d.ts',
        'attention.js',
        'attention.relaxed-fma.inline.js',
        'attention.relaxed-int.inline.js',
        'cli.js',
        'cli.licenses.txt',
        'cli.map.js',
        // What the maps, and the losses, of two entries share.
        'forms.d.ts',
        'forms.js',
        'index.d.ts',
        'index.js',
        'losses.d.ts',
        'maps.relaxed-fma.inline.js',
        'regularised.d.ts',
        'regularised.js',
        // What the entries share, and what maps and attention share besides.
        'rows.js',
        'shared.d.ts',
        'shared.js',
        'structured.d.ts',
        'structured.js',
        'worker.d.ts',
        'worker.js',
        ...kernels.map((name) => `kernels/${name}`),
      ]
        .map((name) => `dist/${name}`)
        .sort(),
    );
  });

  test('has no dependencies at run time', async () => {
    const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;
    expect(manifest['dependencies'] ?? {}).toEqual({});
    expect(manifest['peerDependencies'] ?? {}).toEqual({});
  });

  test('has no complaint from publint', async () => {
    const { stdout } = await execute(bin('publint'), ['run', '--strict', tarball]);
    expect(stdout).toMatch(/All good/i);
  });

  test('resolves with its types everywhere, says arethetypeswrong', async () => {
    const args = [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color'];
    // It exits with 1 when it finds a problem, those of CommonJS aside.
    await expect(execute(bin('attw'), args)).resolves.toBeDefined();
  });
});

describe('in an empty project', () => {
  test('the library runs without any set-up', async () => {
    const program = "import { sparsemax } from 'entmax'; console.log(sparsemax([0.5, 1.2, -0.3, 2, 1.9]).join());";
    const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', program], { cwd: project });
    const [first, ...rest] = stdout.trim().split(',').map(Number);
    expect([first, ...rest].map((p) => Math.round((p ?? NaN) * 1e9) / 1e9)).toEqual([0, 0, 0, 0.55, 0.45]);
  });

  test('attention shares memory and tensors with the maps', async () => {
    const program = `
      import { sparsemax, tensor, runtimeInfo } from 'entmax';
      import { attention } from 'entmax/attention';
      const q = tensor(new Float32Array([1, 0, 0, 1]), [1, 1, 2, 2]);
      const out = attention(q, q, q, { alpha: 2, scale: 1 });
      console.log(sparsemax(out).toArray().flat(3).join(), runtimeInfo().liveTensors);
    `;
    const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', program], { cwd: project });
    expect(stdout.trim()).toBe('1,0,0,1 3');
  });

  test('the command is installed and says what runs', async () => {
    const { stdout } = await execute(join(project, 'node_modules/.bin/entmax'), ['info'], { cwd: project });
    expect(stdout).toMatch(/simd/i);
  });

  test('the declarations type-check strictly, without skipLibCheck', async () => {
    const source = `
      import { entmax, sparsemax, tensor, type Csr, type Tensor } from 'entmax';
      import { attention } from 'entmax/attention';
      const a: Float32Array = sparsemax(new Float32Array(4));
      const b: Tensor<'float32'> = entmax(tensor([1, 2, 3]), { alpha: 1.5 });
      const c: number[][] = sparsemax([[1, 2], [3, 4]]);
      const q = tensor(new Float32Array(24), [1, 2, 3, 4]);
      const d: Tensor<'float32'> = attention(q, q, q, { isCausal: true, alpha: [1, 1.5] });
      const e: Csr<Float32Array> = attention.inspect(q, q, q).weights;
      export { a, b, c, d, e };
    `;
    await writeFile(join(project, 'user.ts'), source);
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'nodenext', 'user.ts'];
    const lib = ['--lib', 'es2022,dom'];
    await expect(execute(bin('tsc'), [...lib, ...options], { cwd: project })).resolves.toBeDefined();
  });

  test('the raw kernels and the worker can be resolved by their names', async () => {
    const program = `
      const names = ['entmax/kernels/maps.simd128.wasm', 'entmax/kernels/attention.simd128.wasm', 'entmax/worker.js'];
      for (const name of names) console.log(import.meta.resolve(name));
    `;
    const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', program], { cwd: project });
    for (const line of stdout.trim().split('\n')) {
      expect((await readFile(fileURLToPath(line))).byteLength).toBeGreaterThan(1000);
    }
  });
});

describe('in a bundle', () => {
  const bundle = async (source: string): Promise<Uint8Array> => {
    const folder = join(project, 'bundles');
    await mkdir(folder, { recursive: true });
    const { outputFiles } = await build({
      stdin: { contents: source, resolveDir: project },
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      splitting: true,
      outdir: folder,
      write: false,
    });
    const entry = outputFiles.find(({ path }) => path.endsWith('stdin.js'));
    // What the entry imports statically belongs to it; the relaxed twin is fetched by init() only where it pays.
    const chunks = outputFiles.filter(({ path }) => entry?.text.includes(`from"./${path.split('/').at(-1) ?? ''}"`));
    return Buffer.concat([entry?.contents ?? Buffer.alloc(0), ...chunks.map(({ contents }) => contents)]);
  };

  test('everything that the entry exports stays under 106.5 KB, minified and compressed by gzip -9', async () => {
    const size = gzipSync(await bundle("export * from 'entmax';"), { level: 9 }).byteLength;
    console.log(`export * from 'entmax': ${size} bytes with gzip -9`);
    expect(size).toBeLessThan(106_500);
  });

  test('attention adds under 107 KB', async () => {
    const size = async (source: string): Promise<number> => gzipSync(await bundle(source), { level: 9 }).byteLength;
    const both = await size("export * from 'entmax'; export * from 'entmax/attention';");
    const added = both - (await size("export * from 'entmax';"));
    console.log(`export * from 'entmax/attention' adds ${added} bytes with gzip -9`);
    expect(added).toBeLessThan(107_000);
  });

  test('structured inference adds under 61 KB', async () => {
    const size = async (source: string): Promise<number> => gzipSync(await bundle(source), { level: 9 }).byteLength;
    const both = await size("export * from 'entmax'; export * from 'entmax/structured';");
    const added = both - (await size("export * from 'entmax';"));
    console.log(`export * from 'entmax/structured' adds ${added} bytes with gzip -9`);
    expect(added).toBeLessThan(61_000);
  });

  test('what is not imported is not shipped', async () => {
    const error = await bundle("export { EntmaxError } from 'entmax';");
    const map = await bundle("export { sparsemax } from 'entmax';");
    expect(error.byteLength).toBeLessThan(2_000);
    expect(Buffer.from(map).toString()).not.toContain('entmax15');
    expect(Buffer.from(map).toString()).not.toContain('alibiSlopes');
    const attention = Buffer.from(await bundle("export { attention } from 'entmax/attention';")).toString();
    expect(attention).not.toContain('sparsemax');
  });

  test('the regularised maps add under 60.5 KB', async () => {
    const size = async (source: string): Promise<number> => gzipSync(await bundle(source), { level: 9 }).byteLength;
    const both = await size("export * from 'entmax'; export * from 'entmax/regularised';");
    const added = both - (await size("export * from 'entmax';"));
    console.log(`export * from 'entmax/regularised' adds ${added} bytes with gzip -9`);
    expect(added).toBeLessThan(60_500);
  });

  test('a bundler for the web finds no builtin of Node to resolve', async () => {
    await expect(bundle("export * from 'entmax';")).resolves.toBeDefined();
    const text = Buffer.from(await bundle("export * from 'entmax';")).toString();
    expect(text).not.toMatch(/(?:from|import\()\s*["']node:/);
  });
});
