import { dirname, join, relative, resolve } from 'node:path'
import type { Plugin } from 'vitest/config'
import { ROOT } from './newer-than.ts'

const SOURCES = join(ROOT, 'src')

/**
 * Has tests load the compiled files in `directory` in place of those in `src`, by Node.js itself: vitest's own loader asks its main process for
 * each module, and code runs slower in it. Stacks name the sources all the same, by their source maps.
 */
export const compiledSources = (directory: string): Plugin => ({
  name: 'compiled-sources',
  enforce: 'pre',
  resolveId(id, importer) {
    if (importer === undefined || !id.startsWith('.') || !id.endsWith('.ts')) return undefined
    const path = relative(SOURCES, resolve(dirname(importer), id))
    return path.startsWith('..') ? undefined : { id: join(ROOT, directory, path.replace(/ts$/, 'js')), external: true }
  },
})
