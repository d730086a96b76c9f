/**
 * Every protocol, by the word that `type:` of a target and the API use for it: what the dashboard and the command line say of it.
 * Data alone, so that a browser can have it.
 */
export const protocols = {
  postgres: {
    article: 'a',
    label: 'PostgreSQL',
    alsoCalled: ['postgresql', 'pg'],
    language: 'sql',
    hasTerminals: false,
    hasRequests: false,
    ways: [
      { command: 'pamctl connect NAME -- psql', label: 'run psql on NAME' },
      { command: 'pamctl connect NAME', label: 'open a port to NAME for other clients' },
    ],
  },
  mysql: {
    article: 'a',
    label: 'MySQL or MariaDB',
    alsoCalled: ['mariadb'],
    language: 'sql',
    hasTerminals: false,
    hasRequests: false,
    ways: [
      { command: 'pamctl connect NAME -- mariadb', label: 'run mariadb on NAME' },
      { command: 'pamctl connect NAME', label: 'open a port to NAME for other clients' },
    ],
  },
  ssh: {
    article: 'an',
    label: 'SSH',
    alsoCalled: ['sftp'],
    language: 'shell',
    hasTerminals: true,
    hasRequests: false,
    ways: [
      { command: 'pamctl connect NAME -- ssh', label: 'run ssh on NAME' },
      { command: 'pamctl ssh-config --install', label: 'use plain ssh, scp and git' },
    ],
  },
  kubernetes: {
    article: 'a',
    label: 'Kubernetes',
    alsoCalled: ['k8s'],
    language: 'shell',
    hasTerminals: true,
    hasRequests: true,
    ways: [
      { command: 'pamctl connect NAME -- kubectl', label: 'run kubectl on NAME' },
      { command: 'pamctl connect NAME', label: 'open a port to NAME, with a kubeconfig' },
      { command: 'pamctl kubeconfig NAME --merge', label: 'add NAME to your own kubeconfig' },
    ],
  },
  http: {
    article: 'an',
    label: 'HTTP',
    alsoCalled: ['https', 'web', 'api'],
    language: 'shell',
    hasTerminals: false,
    hasRequests: true,
    ways: [
      { command: 'pamctl connect NAME -- curl /', label: 'run curl on NAME' },
      { command: 'pamctl connect NAME', label: 'open a port to NAME for other programs' },
    ],
  },
} as const satisfies Record<string, ProtocolWords>

export interface ProtocolWords {
  /** Before the label. */
  readonly article: 'a' | 'an'
  readonly label: string
  /** What people may write for its name in a configuration. */
  readonly alsoCalled: readonly string[]
  /** How its commands are coloured. */
  readonly language: 'sql' | 'shell'
  /** Whether its records may hold terminals, which can be replayed. */
  readonly hasTerminals: boolean
  /** Whether its records are requests of HTTP and their answers, which can be exported as an HTTP Archive. */
  readonly hasRequests: boolean
  /** Commands that connect; NAME stands for the target. */
  readonly ways: readonly { readonly command: string; readonly label: string }[]
}

export type ProtocolName = keyof typeof protocols

export const protocolNames = Object.keys(protocols) as readonly ProtocolName[]

export const isProtocolName = (word: string): word is ProtocolName => Object.hasOwn(protocols, word)

/** What is known of a protocol by that name; of one that is not known, how any target is connected to. */
export const wordsOf = (name: string): ProtocolWords => (isProtocolName(name) ? protocols[name] : UNKNOWN_PROTOCOL)

const UNKNOWN_PROTOCOL: ProtocolWords = {
  article: 'an',
  label: 'unknown',
  alsoCalled: [],
  language: 'shell',
  hasTerminals: false,
  hasRequests: false,
  ways: [{ command: 'pamctl connect NAME', label: 'connect to NAME' }],
}
