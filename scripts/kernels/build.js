/**
 * Builds every kernel family at every SIMD level into build/kernels, checks the rules that the runtime relies on, and
 * writes each module in the forms in which it is used: the file itself, and a module that exports it as text
 * (ts/src/runtime/inline-text.ts).
 */

import { join } from 'node:path';
import { KERNELS } from '../setup/paths.js';
import { checkFamilies, checkModule, refuse } from './check.js';
import { encodeInline } from './inline-text.js';
import { FAMILIES } from './families.js';
import { buildModule, layout, writeProduct } from './module.js';
import { writeModule } from './store.js';

const built = [];
for (const [family, levels] of Object.entries(FAMILIES)) {
  for (const level of levels) {
    const name = `${family}.${level}`;
    const specification = { crate: 'entmax-wasm', name, feature: family, level, base: layout.families[family] };
    const product = await buildModule(specification);
    refuse(checkModule(product, specification));
    built.push({ specification, product });
    await writeModule(KERNELS, name, product);
    await writeProduct(join(KERNELS, `${name}.inline.js`), `export default '${encodeInline(product.wasm)}';\n`);
    await writeProduct(join(KERNELS, `${name}.inline.d.ts`), 'declare const text: string;\nexport default text;\n');
    if (level === 'simd128') await writeProduct(join(KERNELS, `${family}.exports.d.ts`), product.declarations);
  }
}
refuse(checkFamilies(built));
