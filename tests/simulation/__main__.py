import sys, time
from tests.simulation.world import World
from tests.simulation.product import Product
a=time.process_time()
bad=0
seeds=[int(x) for x in sys.argv[1:]] or range(20)
tot=0
for s in seeds:
    o=World(s, Product).run()
    tot+=o.simulated_s
    print(s, o.row, o.crashes, round(o.simulated_s), o.digest[:8])
    for w in o.wrong: print("   ", w)
    if len(seeds)==1: print("\n".join(o.log))
print(time.process_time()-a, len(seeds)/(time.process_time()-a), "seeds/s", tot/3600/(time.process_time()-a)*60,"h/min")
