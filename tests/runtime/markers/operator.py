# The comments of the file that controller-gen v0.23.0 made role.yaml of.
# +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;update;patch;delete
# +kubebuilder:rbac:groups=apps;batch,resources=deployments;jobs,verbs=get;list
# +kubebuilder:rbac:groups=apps,resources=deployments/status,verbs=get;list
# +kubebuilder:rbac:groups=core,resources=pods,verbs=get
# +kubebuilder:rbac:groups=core,resources=pods,verbs=*;get,resourceNames=a;b
# +kubebuilder:rbac:urls=/metrics;/healthz,verbs=get
# +kubebuilder:rbac:groups=apps,namespace=zoo,resources=deployments,verbs=update
# +kubebuilder:rbac:groups=apps,namespace="zoo",resources=statefulsets,verbs=update,roleName=other
# +kubebuilder:rbac:groups={a,b},resources={"x","y"},verbs={get,list}
# +kubebuilder:rbac:groups=z,resources=x;y,verbs=list;get
# +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=create;get
