const config = {
  name: 'DailySummary',
  type: 'cron', // ← Time-based
  cron: '0 9 * * *', // ← Schedule
  emits: ['summary.generated'],
  flows: ['messaging'],
};

const handler = async ({ emit }) => {
  await emit({ topic: 'summary.generated', data: {} })
};

module.exports = { config, handler };
