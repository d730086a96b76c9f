import { z } from 'zod'

/**
 * A URL of the configuration. It is shown, logged and put into the audit chain, some of them to everybody, so it has no place for a
 * user name or a password.
 */
export const plainUrl = z.url().superRefine((text, context) => {
  if (!URL.canParse(text)) return
  const { protocol, username, password } = new URL(text)
  const problem = (message: string): void => context.addIssue({ code: 'custom', message })
  if (protocol !== 'https:' && protocol !== 'http:') problem('expected a URL that begins with https://')
  if (username !== '' || password !== '')
    problem('expected a URL without a user name and password: URLs are logged and shown')
})
