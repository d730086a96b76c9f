import { z } from 'zod'

/** What a provider is called where people choose one, and in URLs. */
export const providerName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'expected lower-case letters, digits and hyphens, at most 40')

/** Mail domains whose people sign in here. */
export const domains = z
  .array(
    z
      .string()
      .regex(
        /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/,
        'expected a domain in lower case, such as example.com',
      ),
  )
  .default([])
  .describe('mail domains whose people sign in here, where there are several providers')
