import { playsSeeds } from './playing-seeds.ts';

playsSeeds(1, 1000);
