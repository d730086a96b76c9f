interface Beside {
  readonly password?: unknown
  readonly iam?: unknown
  readonly certificate?: unknown
  readonly authentication?: unknown
  readonly ownAccount: boolean
}

/** Reports what says otherwise how sessions log in, or what they may do about the account, than that one is made for each. */
export function refuseBesideEphemeral(
  { password, iam, certificate, authentication, ownAccount }: Beside,
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
): void {
  const refused = {
    password: password !== undefined && 'each session has its own',
    iam: iam !== undefined && 'each session has a password of its own',
    certificate: certificate !== undefined && 'each session has a password of its own',
    authentication: authentication !== undefined && 'the gateway takes the best method that the target has',
    ownAccount: ownAccount && 'a session may not change the account that is made for it',
  }
  for (const [key, why] of Object.entries(refused))
    if (why !== false) context.addIssue({ code: 'custom', path: [key], message: `is not used with ephemeral: ${why}` })
}
