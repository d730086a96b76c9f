/** Whether a text has no half of a character alone, which UTF-8 cannot say. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)

/** With U+FFFD in place of halves of characters. */
export const toWellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, '\ufffd')
