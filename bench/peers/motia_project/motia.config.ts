import { config } from 'motia'

const redis = { host: '127.0.0.1', port: Number(process.env.BENCH_REDIS_PORT) }
export default config({ plugins: [], redis })
