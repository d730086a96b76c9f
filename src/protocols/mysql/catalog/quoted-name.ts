/** A name in backticks; backticks within it are doubled. Source: MySQL manual, Schema Object Names. */
export const quotedName = (name: string): string => `\`${name.replaceAll('`', '``')}\``
