import type { RuleSet } from '../../../policy/vocabulary.ts'
import { httpKinds } from './kinds.ts'

const READING = new Set(['get', 'head', 'options'])

/** What services are administered by, under names that are in wide use. */
const ADMIN = [
  'admin',
  'administrator',
  'administration',
  'wp-admin',
  'phpmyadmin',
  'manage',
  'management',
  'actuator',
  'console',
  'debug',
  'internal',
  'jolokia',
  'server-status',
  'server-info',
  'swagger-ui',
  '_cluster',
  '_nodes',
  '_security',
]

/** What `use:` takes for services of HTTP. */
export const httpRuleSets: Readonly<Record<string, RuleSet>> = {
  'read-only': {
    summary: 'only GET, HEAD and OPTIONS, which must not change anything; no WebSockets',
    effect: 'deny',
    rules: [
      {
        name: 'writing requests',
        match: { kinds: httpKinds.filter((kind) => !READING.has(kind)) },
        message: 'this target is read-only',
      },
    ],
  },
  'no-admin-paths': {
    summary: 'no paths that services are usually administered by: /admin, /actuator, /console and others',
    effect: 'deny',
    rules: [
      {
        name: 'paths of administrators',
        match: { routes: ADMIN.flatMap((name) => [`/${name}/**`, `/*/${name}/**`, `/*/*/${name}/**`]) },
        message: 'paths of administrators are out of reach on this target',
      },
    ],
  },
}
