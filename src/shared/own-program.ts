import { fileURLToPath } from 'node:url'

/** The program itself, for what starts it: an agent, a ProxyCommand. The modules and what is bundled of them lie two deep. */
export const PAMCTL = fileURLToPath(new URL('../../bin/pamctl.js', import.meta.url))
