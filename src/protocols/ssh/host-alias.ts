/** The name under which clients know the gateway's host key where they connect to a target: their HostKeyAlias, and the principal of certificates. */
export const aliasOf = (target: string): string => `pamctl-${target}`
