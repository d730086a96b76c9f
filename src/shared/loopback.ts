/** Whether a host, as `URL.hostname` gives it, is this machine: the only place where plain http is taken. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|localhost|\[?::1\]?)$/.test(host)
