/** A name in backticks, which are doubled within. Source: MySQL manual, Schema Object Names. */
export const quotedName = (name: string): string => `\`${name.replaceAll('`', '``')}\``
