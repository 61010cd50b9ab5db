// What `abstract-level` asks for as the package `events`: workerd has it built in (`nodejs_compat`).
export * from 'node:events'
