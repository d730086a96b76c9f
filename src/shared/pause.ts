/** Resolves after so many milliseconds. `keepsAlive: false`: a process that has nothing else to do does not wait for it. */
export const pause = (
  milliseconds: number,
  { keepsAlive = true }: { readonly keepsAlive?: boolean } = {},
): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    if (!keepsAlive) timer.unref()
  })
