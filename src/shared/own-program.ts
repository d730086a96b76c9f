import { fileURLToPath } from 'node:url'

/** The program itself, for what starts it: an agent, a ProxyCommand. The modules and what is bundled of them lie two deep. */
export const PAMCTL = fileURLToPath(new URL('../../bin/pamctl.js', import.meta.url))

/** Where a page of the documents is on this machine: they are part of the package. */
export const documentPath = (page: string): string => fileURLToPath(new URL(`../../docs/${page}`, import.meta.url))
