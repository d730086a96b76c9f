/** Whether a name can be a label of a host's name. Source: RFC 1123, section 2.1. */
export const isHostLabel = (name: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
