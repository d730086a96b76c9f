/**
 * Every protocol, by the word that `type:` of a target and the API use for it. `label` is for people to read; `language` says how
 * its commands are coloured.
 */
export const protocols = {
  postgres: { label: 'PostgreSQL', language: 'sql' },
  ssh: { label: 'SSH', language: 'shell' },
} as const satisfies Record<string, { readonly label: string; readonly language: 'sql' | 'shell' }>

export type ProtocolName = keyof typeof protocols

export const protocolNames = Object.keys(protocols) as readonly ProtocolName[]

export const isProtocolName = (word: string): word is ProtocolName => Object.hasOwn(protocols, word)
